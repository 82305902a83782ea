-- unslice: from slices (or bit planes) to one integer per example, in slot order.
-- '{}' for no slices. Take the value of an example as (unslice(slices))[slot + 1].
-- Counts and classes above 2^31 - 1 do not occur; slices that are absent count as 0.
--
-- Postgres has no operation on the columns of several bit strings, but it adds long numbers: three
-- slices, read as decimal numbers, times 1, 2 and 4, add up to a number whose decimal digits are
-- the examples' octal digits. Reading a digit then takes one call where it took three.

CREATE FUNCTION unslice_digits(a BIT VARYING, b BIT VARYING, c BIT VARYING)
RETURNS BYTEA
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    -- The 1 in front keeps leading zeros.
    SELECT (
        ('1' || a::TEXT)::NUMERIC
        + coalesce(b::TEXT::NUMERIC * 2, 0)
        + coalesce(c::TEXT::NUMERIC * 4, 0)
    )::TEXT::BYTEA
$$;

CREATE FUNCTION unslice(slices BIT VARYING[])
RETURNS INTEGER[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50000
AS $$
DECLARE
    size INTEGER := coalesce(length(slices[1]), 0);
    low BYTEA;
    middle BYTEA;
    high BYTEA;
    top BYTEA;
BEGIN
    IF size = 0 THEN
        RETURN '{}';
    END IF;
    low := unslice_digits(slices[1], slices[2], slices[3]);
    IF cardinality(slices) <= 3 THEN
        RETURN ARRAY(
            SELECT get_byte(low, place) - 48
            FROM (SELECT generate_series(1, size) AS place OFFSET 0) AS example
        );
    END IF;
    middle := unslice_digits(slices[4], slices[5], slices[6]);
    IF cardinality(slices) <= 6 THEN
        RETURN ARRAY(
            SELECT get_byte(low, place) + 8 * get_byte(middle, place) - 432
            FROM (SELECT generate_series(1, size) AS place OFFSET 0) AS example
        );
    END IF;
    high := unslice_digits(slices[7], slices[8], slices[9]);
    IF cardinality(slices) <= 9 THEN
        RETURN ARRAY(
            SELECT
                get_byte(low, place) + 8 * get_byte(middle, place) + 64 * get_byte(high, place)
                - 3504
            FROM (SELECT generate_series(1, size) AS place OFFSET 0) AS example
        );
    END IF;
    top := unslice_digits(slices[10], slices[11], slices[12]);
    IF cardinality(slices) <= 12 THEN
        RETURN ARRAY(
            SELECT
                get_byte(low, place) + 8 * get_byte(middle, place) + 64 * get_byte(high, place)
                + 512 * get_byte(top, place) - 28080
            FROM (SELECT generate_series(1, size) AS place OFFSET 0) AS example
        );
    END IF;
    RETURN ARRAY(
        SELECT
            get_byte(low, place::INTEGER) + 8 * get_byte(middle, place::INTEGER)
            + 64 * get_byte(high, place::INTEGER) + 512 * get_byte(top, place::INTEGER) - 28080
            + 4096 * rest
        FROM unnest(unslice(slices[13:])) WITH ORDINALITY AS example (rest, place)
    );
END
$$;

COMMENT ON FUNCTION unslice(BIT VARYING[]) IS
'One integer per example from slices or bit planes, in slot order.';
