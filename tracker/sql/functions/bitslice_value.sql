-- bitslice_value: the count of one example, given by its slot (0-based bit) in the block; with bit
-- planes in place of slices, its class. Absent slices count as 0; at most 16 are read.
-- One expression, so that the planner inlines it; for whole blocks use unslice.

CREATE FUNCTION bitslice_value(slices BIT VARYING[], slot INTEGER)
RETURNS INTEGER
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT
        get_bit(slices[1], slot)
        + coalesce(get_bit(slices[2], slot), 0) * 2
        + coalesce(get_bit(slices[3], slot), 0) * 4
        + coalesce(get_bit(slices[4], slot), 0) * 8
        + CASE WHEN cardinality(slices) > 4 THEN
            coalesce(get_bit(slices[5], slot), 0) * 16
            + coalesce(get_bit(slices[6], slot), 0) * 32
            + coalesce(get_bit(slices[7], slot), 0) * 64
            + coalesce(get_bit(slices[8], slot), 0) * 128
            + coalesce(get_bit(slices[9], slot), 0) * 256
            + coalesce(get_bit(slices[10], slot), 0) * 512
            + coalesce(get_bit(slices[11], slot), 0) * 1024
            + coalesce(get_bit(slices[12], slot), 0) * 2048
            + coalesce(get_bit(slices[13], slot), 0) * 4096
            + coalesce(get_bit(slices[14], slot), 0) * 8192
            + coalesce(get_bit(slices[15], slot), 0) * 16384
            + coalesce(get_bit(slices[16], slot), 0) * 32768
        ELSE 0 END
$$;

COMMENT ON FUNCTION bitslice_value(BIT VARYING[], INTEGER) IS
'The count of one example, given by its 0-based slot in the block.';
