-- bitslice_histogram: how many examples have each count; one row per count that occurs.

CREATE FUNCTION bitslice_histogram(slices BIT VARYING[])
RETURNS TABLE (value INTEGER, examples BIGINT)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 32
AS $$
    SELECT bucket.value, bit_count(bucket.members)
    FROM bitslice_groups(slices) AS bucket
$$;

COMMENT ON FUNCTION bitslice_histogram(BIT VARYING[]) IS
'How many examples have each count; one row per count that occurs.';
