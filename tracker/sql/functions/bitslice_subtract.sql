-- bitslice_subtract: the difference a - b of each example, where no count of b is above that of a.

CREATE FUNCTION bitslice_subtract(a BIT VARYING[], b BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    rest BIT VARYING [] := a;
    borrow BIT VARYING;
    x BIT VARYING;
    n INTEGER := cardinality(a);
BEGIN
    IF cardinality(b) = 0 OR n = 0 THEN
        RETURN rest;
    END IF;
    borrow := ~a[1] & b[1];
    rest[1] := a[1] # b[1];
    FOR i IN 2 .. n LOOP
        x := rest[i];
        IF i <= cardinality(b) THEN
            rest[i] := x # b[i] # borrow;
            borrow := (~x & (b[i] | borrow)) | (b[i] & borrow);
        ELSE
            EXIT WHEN bit_count(borrow) = 0;
            rest[i] := x # borrow;
            borrow := ~x & borrow;
        END IF;
    END LOOP;
    WHILE n > 1 AND bit_count(rest[n]) = 0 LOOP
        n := n - 1;
    END LOOP;
    RETURN rest[1:n];
END
$$;

COMMENT ON FUNCTION bitslice_subtract(BIT VARYING[], BIT VARYING[]) IS
'The difference a - b of each example, as slices, where no count of b is above that of a.';
