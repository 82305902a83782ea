-- bitmap_of: the bitmap of `size` examples in which those in these slots (0-based) are set.

CREATE FUNCTION bitmap_of(slots INTEGER[], size INTEGER)
RETURNS BIT VARYING
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20000
AS $$
DECLARE
    bits BYTEA := convert_to(repeat('0', size), 'SQL_ASCII');
BEGIN
    FOR i IN 1 .. cardinality(slots) LOOP
        bits := set_byte(bits, slots[i], 49);
    END LOOP;
    RETURN convert_from(bits, 'SQL_ASCII')::BIT VARYING;
END
$$;

COMMENT ON FUNCTION bitmap_of(INTEGER[], INTEGER) IS
'The bitmap of so many examples in which those in these 0-based slots are set.';
