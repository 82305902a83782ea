-- bitslice_at_least: the examples whose count is at least k, as a bitmap.
-- NULL where there are no slices (nothing was counted, so the number of examples is unknown).

CREATE FUNCTION bitslice_at_least(slices BIT VARYING[], k INTEGER)
RETURNS BIT VARYING
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    above BIT VARYING := slices[1] # slices[1];
    equal BIT VARYING := ~above;
BEGIN
    IF k <= 0 THEN
        RETURN equal;
    END IF;
    -- A threshold with more digits than there are slices is reached by none.
    IF k >> cardinality(slices) > 0 THEN
        RETURN above;
    END IF;
    FOR i IN REVERSE cardinality(slices) .. 1 LOOP
        IF (k >> (i - 1)) & 1 = 1 THEN
            equal := equal & slices[i];
        ELSE
            above := above | (equal & slices[i]);
        END IF;
    END LOOP;
    RETURN above | equal;
END
$$;

COMMENT ON FUNCTION bitslice_at_least(BIT VARYING[], INTEGER) IS
'The examples whose count is at least k, as a bitmap.';
