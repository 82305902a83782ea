-- bitslice_sum: per-example counts of set bits over many bitmaps.
-- Source: bit-sliced index arithmetic, O'Neil & Quass, SIGMOD 1997; counters in carry-save form.
--
-- The result is an array of bitmaps, the *slices* of the counts, least significant first: bit i of
-- slice j is bit j-1 of the count of example i. There is always a first slice, so that the number
-- of examples is known, and none above the highest one needed. NULL bitmaps are skipped; with
-- nothing to add the result is '{}'. All bitmaps of one group have one length.

CREATE FUNCTION bitslice_add(slices BIT VARYING[], bitmap BIT VARYING)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    carry BIT VARYING := bitmap;
    overflow BIT VARYING;
BEGIN
    IF bitmap IS NULL THEN
        RETURN slices;
    END IF;
    IF cardinality(slices) = 0 THEN
        RETURN ARRAY[bitmap];
    END IF;
    FOR i IN 1 .. cardinality(slices) LOOP
        -- Half adder: it stops as soon as nothing is carried, so that a bitmap costs about two
        -- slices on average however large the counts are.
        EXIT WHEN bit_count(carry) = 0;
        overflow := slices[i] & carry;
        slices[i] := slices[i] # carry;
        carry := overflow;
    END LOOP;
    IF bit_count(carry) > 0 THEN
        slices := array_append(slices, carry);
    END IF;
    RETURN slices;
END
$$;

-- Adds slices to slices: the combine function, and the sum of counts already made.
CREATE FUNCTION bitslice_add(a BIT VARYING[], b BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    longer BIT VARYING [] := a;
    shorter BIT VARYING [] := b;
    carry BIT VARYING;
    x BIT VARYING;
    y BIT VARYING;
BEGIN
    IF coalesce(cardinality(a), 0) < coalesce(cardinality(b), 0) THEN
        longer := b;
        shorter := a;
    END IF;
    IF coalesce(cardinality(shorter), 0) = 0 THEN
        RETURN longer;
    END IF;
    carry := longer[1] # longer[1];
    FOR i IN 1 .. cardinality(longer) LOOP
        x := longer[i];
        IF i <= cardinality(shorter) THEN
            -- Full adder.
            y := shorter[i];
            longer[i] := x # y # carry;
            carry := (x & y) | (carry & (x # y));
        ELSE
            EXIT WHEN bit_count(carry) = 0;
            longer[i] := x # carry;
            carry := x & carry;
        END IF;
    END LOOP;
    IF bit_count(carry) > 0 THEN
        longer := array_append(longer, carry);
    END IF;
    RETURN longer;
END
$$;

-- Adds a bitmap `weight` times: a count of 2^j enters at slice j + 1.
CREATE FUNCTION bitslice_add(slices BIT VARYING[], bitmap BIT VARYING, weight INTEGER)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    addend BIT VARYING [];
BEGIN
    IF weight = 1 OR bitmap IS NULL OR bit_count(bitmap) = 0 THEN
        RETURN bitslice_add(slices, bitmap);
    END IF;
    IF weight IS NULL OR weight < 0 THEN
        RAISE EXCEPTION 'bitslice_sum: the weight must be a whole number from 0, got %', weight;
    END IF;
    addend := ARRAY[bitmap # bitmap];
    FOR i IN 0 .. 30 LOOP
        EXIT WHEN weight >> i = 0;
        addend[i + 1] := CASE WHEN (weight >> i) & 1 = 1 THEN bitmap ELSE bitmap # bitmap END;
    END LOOP;
    RETURN bitslice_add(slices, addend);
END
$$;

CREATE AGGREGATE bitslice_sum (VARBIT)(
    SFUNC = bitslice_add,
    STYPE = _varbit,
    INITCOND = '{}',
    COMBINEFUNC = bitslice_add,
    PARALLEL = safe
);

CREATE AGGREGATE bitslice_sum (VARBIT [])(
    SFUNC = bitslice_add,
    STYPE = _varbit,
    INITCOND = '{}',
    COMBINEFUNC = bitslice_add,
    PARALLEL = safe
);

CREATE AGGREGATE bitslice_sum (VARBIT, INTEGER)(
    SFUNC = bitslice_add,
    STYPE = _varbit,
    INITCOND = '{}',
    COMBINEFUNC = bitslice_add,
    PARALLEL = safe
);
