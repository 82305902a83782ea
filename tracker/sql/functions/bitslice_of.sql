-- bitslice_of: slices from one whole number from 0 an example, in slot order; what unslice undoes.
-- NULL counts as 0; '{}' for no numbers.

CREATE FUNCTION bitslice_of(numbers INTEGER[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20000
AS $$
DECLARE
    slices BIT VARYING [] := '{}';
    highest INTEGER := (SELECT coalesce(max(number), 0) FROM unnest(numbers) AS number);
BEGIN
    IF cardinality(numbers) = 0 THEN
        RETURN slices;
    END IF;
    IF EXISTS (SELECT FROM unnest(numbers) AS number WHERE number < 0) THEN
        RAISE EXCEPTION 'bitslice_of: numbers must be at least 0, got %',
            (SELECT min(number) FROM unnest(numbers) AS number);
    END IF;
    FOR p IN 0 .. 30 LOOP
        EXIT WHEN p > 0 AND highest >> p = 0;
        slices[p + 1] := array_to_string(
            ARRAY(SELECT (coalesce(number, 0) >> p) & 1 FROM unnest(numbers) AS number), ''
        )::BIT VARYING;
    END LOOP;
    RETURN slices;
END
$$;

COMMENT ON FUNCTION bitslice_of(INTEGER[]) IS
'Slices from one whole number an example, in slot order: what unslice undoes.';
