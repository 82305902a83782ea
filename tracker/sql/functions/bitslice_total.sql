-- bitslice_total: the counts of all examples added up. 0 for no slices.

CREATE FUNCTION bitslice_total(slices BIT VARYING[])
RETURNS BIGINT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(sum(bit_count(slice.bits) << (slice.place - 1)::INTEGER), 0)::BIGINT
    FROM unnest(slices) WITH ORDINALITY AS slice (bits, place)
$$;

COMMENT ON FUNCTION bitslice_total(BIT VARYING[]) IS
'The counts of all examples added up.';
