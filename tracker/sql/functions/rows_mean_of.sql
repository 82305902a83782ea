-- rows_mean_of: the mean over some rows of an array, other ones for each of its columns.
-- Source: plain sums in double precision.
--
-- `numbers` is [rows][columns], as array_agg makes it of arrays: a row a run, a column an example.
-- Of row r only the columns in the bitmap members[r] count, all of them where it is NULL.
-- NULL for a column that no row counts, and for no rows; NaN where a row that counts has NaN.

CREATE FUNCTION rows_mean_of(numbers REAL[], members BIT VARYING[])
RETURNS DOUBLE PRECISION[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2000000
AS $$
DECLARE
    total DOUBLE PRECISION [] := array_fill(0::DOUBLE PRECISION, ARRAY[array_length(numbers, 2)]);
    counting BIT VARYING [] := '{}';
    two REAL [];
    everyone BIT VARYING;
    first BIT VARYING;
    second BIT VARYING;
BEGIN
    IF array_remove(members, NULL) = '{}' THEN
        RETURN rows_mean(numbers);
    END IF;
    everyone := repeat('1', array_length(numbers, 2))::BIT VARYING;
    FOR i IN 1 .. array_length(numbers, 1) LOOP
        counting[i] := coalesce(members[i], everyone);
    END LOOP;
    -- Two rows beside each other, as rows_mean has eight; past the last row a slice is empty.
    FOR i IN 1 .. cardinality(counting) BY 2 LOOP
        two := numbers[i:i + 1];
        first := counting[i];
        second := coalesce(counting[i + 1], ~everyone);
        total := ARRAY(
            SELECT
                so_far
                + CASE get_bit(first, slot) WHEN 1 THEN a::DOUBLE PRECISION ELSE 0 END
                + CASE get_bit(second, slot) WHEN 1 THEN b::DOUBLE PRECISION ELSE 0 END
            FROM (
                SELECT
                    generate_series(0, length(everyone) - 1) AS slot,
                    unnest(total) AS so_far,
                    unnest(two[1:1]) AS a,
                    unnest(two[2:2]) AS b
            ) AS example
        );
    END LOOP;
    RETURN ARRAY(
        SELECT so_far / nullif(rows, 0)
        FROM unnest(total, unslice(bitslice_count(counting))) AS example (so_far, rows)
    );
END
$$;
