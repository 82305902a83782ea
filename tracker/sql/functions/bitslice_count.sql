-- bitslice_count: per-example counts of set bits over an array of bitmaps.
-- Source: carry-save adders (Wallace 1964) over a bit-sliced index (O'Neil & Quass, SIGMOD 1997).
--
-- The result is an array of bitmaps, the *slices* of the counts, least significant first: bit i of
-- slice j is bit j-1 of the count of example i. There is always a first slice, so that the number
-- of examples is known. '{}' for no bitmaps; they must not be NULL and have one length.
-- bitslice_sum is the same as an aggregate; over an array already at hand this is faster.

CREATE FUNCTION bitslice_count(bitmaps BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2000
AS $$
DECLARE
    slices BIT VARYING [] := '{}';
    addends BIT VARYING [] := bitmaps;
    carries BIT VARYING [];
    ones BIT VARYING;
    half BIT VARYING;
    n INTEGER := cardinality(bitmaps);
    m INTEGER;
BEGIN
    -- All bitmaps of one weight go through full adders (two at a time into `ones`), whose carries
    -- are the bitmaps of the next: one full adder, five operations, for each bitmap in all.
    WHILE n > 0 LOOP
        ones := addends[1];
        carries := '{}';
        m := 0;
        FOR i IN 2 .. n - 1 BY 2 LOOP
            half := ones # addends[i];
            m := m + 1;
            carries[m] := (ones & addends[i]) | (half & addends[i + 1]);
            ones := half # addends[i + 1];
        END LOOP;
        IF n % 2 = 0 THEN
            m := m + 1;
            carries[m] := ones & addends[n];
            ones := ones # addends[n];
        END IF;
        slices := array_append(slices, ones);
        addends := carries;
        n := m;
    END LOOP;
    -- None above the highest that is needed.
    n := cardinality(slices);
    WHILE n > 1 AND bit_count(slices[n]) = 0 LOOP
        n := n - 1;
    END LOOP;
    RETURN slices[1:n];
END
$$;

COMMENT ON FUNCTION bitslice_count(BIT VARYING[]) IS
'How many bitmaps of an array have each example set, as slices, least significant first.';
