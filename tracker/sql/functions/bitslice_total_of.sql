-- bitslice_total_of: the counts of the examples in a bitmap added up. 0 for no slices.

CREATE FUNCTION bitslice_total_of(slices BIT VARYING[], members BIT VARYING)
RETURNS BIGINT
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    total BIGINT := 0;
BEGIN
    FOR i IN 1 .. cardinality(slices) LOOP
        total := total + (bit_count(slices[i] & members) << (i - 1));
    END LOOP;
    RETURN total;
END
$$;

COMMENT ON FUNCTION bitslice_total_of(BIT VARYING[], BIT VARYING) IS
'The counts of the examples in a bitmap added up.';
