-- tally_total, tally_select, tally_percentile: order statistics of tallies (see bitslice_tally)
--
-- `tallies` is [rows][values]: how often each value from 0 on occurs, in several groups that count
-- as one.

-- How often each value occurs in all groups.
CREATE FUNCTION tally_total(tallies BIGINT[])
RETURNS BIGINT[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT array_agg(value.total ORDER BY value.place)
    FROM (
        SELECT
            (cell.place - 1) % array_length(tallies, 2) AS place,
            sum(cell.count)::BIGINT AS total
        FROM unnest(tallies) WITH ORDINALITY AS cell (count, place)
        GROUP BY (cell.place - 1) % array_length(tallies, 2)
    ) AS value
$$;

-- The k-th smallest value, k counting from 1; NULL where there are fewer, or k is below 1.
CREATE FUNCTION tally_select(tallies BIGINT[], k BIGINT)
RETURNS INTEGER
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    left_over BIGINT := k;
    total BIGINT [] := tally_total(tallies);
BEGIN
    IF k < 1 THEN
        RETURN NULL;
    END IF;
    FOR value IN 1 .. cardinality(total) LOOP
        left_over := left_over - total[value];
        IF left_over <= 0 THEN
            RETURN value - 1;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- The value below which this share of them lies, between two by linear interpolation, as
-- percentile_cont and NumPy do; NULL of nothing.
CREATE FUNCTION tally_percentile(tallies BIGINT[], share DOUBLE PRECISION)
RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT
        tally_select(tallies, place.below + 1)
        + (place.exact - place.below) * (
            tally_select(tallies, least(place.below + 2, place.total))
            - tally_select(tallies, place.below + 1)
        )
    FROM (
        SELECT
            sum(cell.count)::BIGINT AS total,
            share * (sum(cell.count) - 1)::DOUBLE PRECISION AS exact,
            floor(share * (sum(cell.count) - 1)::DOUBLE PRECISION)::BIGINT AS below
        FROM unnest(tallies) AS cell (count)
    ) AS place
$$;

COMMENT ON FUNCTION tally_total(BIGINT[]) IS
'How often each value occurs in all rows of tallies.';
COMMENT ON FUNCTION tally_select(BIGINT[], BIGINT) IS
'The k-th smallest value of tallies, k from 1.';
COMMENT ON FUNCTION tally_percentile(BIGINT[], DOUBLE PRECISION) IS
'The value of tallies below which this share of them lies, interpolated.';
