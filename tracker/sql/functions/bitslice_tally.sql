-- bitslice_tally: how many examples have each count from 0 to `highest`, as an array.
-- The numbers of bitslice_histogram, zeros included, in element count + 1; '{}' for no slices.

CREATE FUNCTION bitslice_tally(slices BIT VARYING[], highest INTEGER)
RETURNS BIGINT[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20000
AS $$
DECLARE
    tally BIGINT [] := array_fill(0, ARRAY[highest + 1]);
    bucket RECORD;
BEGIN
    IF cardinality(slices) = 0 THEN
        RETURN '{}';
    END IF;
    FOR bucket IN SELECT h.value, h.examples FROM bitslice_histogram(slices) AS h LOOP
        tally[bucket.value + 1] := bucket.examples;
    END LOOP;
    RETURN tally;
END
$$;

COMMENT ON FUNCTION bitslice_tally(BIT VARYING[], INTEGER) IS
'How many examples have each count from 0 to the highest, as an array.';
