-- bitslice_never: the numbers of the examples in a bitmap, and all ones ("never": see
-- bitslice_history) for the others.

CREATE FUNCTION bitslice_never(slices BIT VARYING[], members BIT VARYING)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    others BIT VARYING := ~members;
    raised BIT VARYING [] := slices;
BEGIN
    FOR i IN 1 .. cardinality(slices) LOOP
        raised[i] := slices[i] | others;
    END LOOP;
    RETURN raised;
END
$$;

COMMENT ON FUNCTION bitslice_never(BIT VARYING[], BIT VARYING) IS
'The numbers of the examples in a bitmap, and all ones (never) for the others, as slices.';
