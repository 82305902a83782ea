-- bitslice_constant: one number for every example, as `planes` slices; `everyone` is the bitmap of
-- all ones.

CREATE FUNCTION bitslice_constant(everyone BIT VARYING, value INTEGER, planes INTEGER)
RETURNS BIT VARYING[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT array_agg(
        CASE WHEN (value >> place) & 1 = 1 THEN everyone ELSE ~everyone END
        ORDER BY place
    )
    FROM generate_series(0, planes - 1) AS place
$$;

COMMENT ON FUNCTION bitslice_constant(BIT VARYING, INTEGER, INTEGER) IS
'One number for every example, as so many slices.';
