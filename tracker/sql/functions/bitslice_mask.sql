-- bitslice_mask: the counts of the examples in a bitmap, and 0 for the others.

CREATE FUNCTION bitslice_mask(slices BIT VARYING[], members BIT VARYING)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    masked BIT VARYING [] := slices;
BEGIN
    FOR i IN 1 .. cardinality(slices) LOOP
        masked[i] := slices[i] & members;
    END LOOP;
    RETURN masked;
END
$$;

COMMENT ON FUNCTION bitslice_mask(BIT VARYING[], BIT VARYING) IS
'The counts of the examples in a bitmap, and 0 for the others, as slices.';
