-- bitslice_sum: per-example counts of set bits over many bitmaps, as an aggregate.
-- Source: bit-sliced index arithmetic, O'Neil & Quass, SIGMOD 1997; full adders over pairs of
-- waiting bitmaps (Harley and Seal, in Warren, Hacker's Delight, s.5-1).
--
-- The result is an array of bitmaps, the *slices* of the counts, least significant first: bit i of
-- slice j is bit j-1 of the count of example i. There is always a first slice, so that the number
-- of examples is known, and none above the highest one needed. NULL bitmaps are skipped; with
-- nothing to add the result is '{}'. All bitmaps of one group have one length.

-- Adds slices to slices: the sum of counts already made.
CREATE FUNCTION bitslice_add(a BIT VARYING[], b BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    longer BIT VARYING [] := a;
    shorter BIT VARYING [] := b;
    carry BIT VARYING;
    half BIT VARYING;
    x BIT VARYING;
BEGIN
    IF coalesce(cardinality(a), 0) < coalesce(cardinality(b), 0) THEN
        longer := b;
        shorter := a;
    END IF;
    IF coalesce(cardinality(shorter), 0) = 0 THEN
        RETURN longer;
    END IF;
    carry := longer[1] & shorter[1];
    longer[1] := longer[1] # shorter[1];
    FOR i IN 2 .. cardinality(longer) LOOP
        x := longer[i];
        IF i <= cardinality(shorter) THEN
            half := x # shorter[i];
            longer[i] := half # carry;
            carry := (x & shorter[i]) | (half & carry);
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
    IF bitmap IS NULL THEN
        RETURN slices;
    END IF;
    IF weight IS NULL OR weight < 0 THEN
        RAISE EXCEPTION 'bitslice_sum: the weight must be a whole number from 0, got %', weight;
    END IF;
    addend := ARRAY[bitmap # bitmap];
    IF bit_count(bitmap) > 0 THEN
        FOR i IN 0 .. 30 LOOP
            EXIT WHEN weight >> i = 0;
            addend[i + 1] := CASE WHEN (weight >> i) & 1 = 1 THEN bitmap ELSE bitmap # bitmap END;
        END LOOP;
    END IF;
    RETURN bitslice_add(slices, addend);
END
$$;

-- The state of a sum of bitmaps: for each weight 2^j its slice (element 2j + 1) and, beside it
-- (element 2j + 2), a bitmap of that weight that waits for another, or the empty bit string. Two
-- that wait enter the slice through one full adder: a bitmap costs one in all, however many
-- slices there are.
CREATE FUNCTION bitslice_accumulate(state BIT VARYING[], bitmap BIT VARYING)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    addend BIT VARYING := bitmap;
    half BIT VARYING;
    carry BIT VARYING;
    i INTEGER := 1;
BEGIN
    IF bitmap IS NULL THEN
        RETURN state;
    END IF;
    LOOP
        IF i > cardinality(state) THEN
            state[i] := addend;
            state[i + 1] := B'';
            RETURN state;
        END IF;
        IF length(state[i + 1]) = 0 THEN
            state[i + 1] := addend;
            RETURN state;
        END IF;
        half := state[i] # state[i + 1];
        carry := (state[i] & state[i + 1]) | (half & addend);
        state[i] := half # addend;
        state[i + 1] := B'';
        addend := carry;
        i := i + 2;
    END LOOP;
END
$$;

-- From the state to the slices: what waits is added.
CREATE FUNCTION bitslice_settle(state BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    slices BIT VARYING [] := '{}';
    waiting BIT VARYING [] := '{}';
    i INTEGER;
BEGIN
    IF cardinality(state) = 0 THEN
        RETURN state;
    END IF;
    FOR j IN 1 .. cardinality(state) / 2 LOOP
        i := 2 * j;
        slices[j] := state[i - 1];
        waiting[j] := CASE WHEN length(state[i]) = 0 THEN state[1] # state[1] ELSE state[i] END;
    END LOOP;
    slices := bitslice_add(slices, waiting);
    i := cardinality(slices);
    WHILE i > 1 AND bit_count(slices[i]) = 0 LOOP
        i := i - 1;
    END LOOP;
    RETURN slices[1:i];
END
$$;

CREATE FUNCTION bitslice_merge(a BIT VARYING[], b BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    slices BIT VARYING [] := bitslice_add(bitslice_settle(a), bitslice_settle(b));
    state BIT VARYING [] := '{}';
BEGIN
    FOR j IN 1 .. cardinality(slices) LOOP
        state[2 * j - 1] := slices[j];
        state[2 * j] := B'';
    END LOOP;
    RETURN state;
END
$$;

CREATE AGGREGATE bitslice_sum (VARBIT)(
    SFUNC = bitslice_accumulate,
    STYPE = _varbit,
    FINALFUNC = bitslice_settle,
    INITCOND = '{}',
    COMBINEFUNC = bitslice_merge,
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

COMMENT ON FUNCTION bitslice_add(BIT VARYING[], BIT VARYING[]) IS
'The sum a + b of each example, as slices.';
COMMENT ON AGGREGATE bitslice_sum (VARBIT) IS
'How many bitmaps have each example set, as slices, least significant first.';
COMMENT ON AGGREGATE bitslice_sum (VARBIT []) IS
'The sum of counts of each example, as slices.';
COMMENT ON AGGREGATE bitslice_sum (VARBIT, INTEGER) IS
'How many bitmaps have each example set, as slices, each bitmap counted so many times.';
