-- bitslice_groups: the examples that have each count (with bit planes: each class), as bitmaps; one
-- row per value that occurs. bitslice_histogram gives their numbers alone.

CREATE FUNCTION bitslice_groups(slices BIT VARYING[])
RETURNS TABLE (value INTEGER, members BIT VARYING)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 10
AS $$
DECLARE
    -- groups[i] holds the examples whose values agree with values[i] in the slices seen so far.
    groups BIT VARYING [] := ARRAY[~(slices[1] # slices[1])];
    counts INTEGER [] := ARRAY[0];
    next_groups BIT VARYING [];
    next_counts INTEGER [];
    part BIT VARYING;
BEGIN
    IF cardinality(slices) = 0 THEN
        RETURN;
    END IF;
    FOR i IN REVERSE cardinality(slices) .. 1 LOOP
        next_groups := '{}';
        next_counts := '{}';
        FOR j IN 1 .. cardinality(groups) LOOP
            part := groups[j] & ~slices[i];
            IF bit_count(part) > 0 THEN
                next_groups := array_append(next_groups, part);
                next_counts := array_append(next_counts, counts[j] * 2);
            END IF;
            part := groups[j] & slices[i];
            IF bit_count(part) > 0 THEN
                next_groups := array_append(next_groups, part);
                next_counts := array_append(next_counts, counts[j] * 2 + 1);
            END IF;
        END LOOP;
        groups := next_groups;
        counts := next_counts;
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(counts, groups);
END
$$;

COMMENT ON FUNCTION bitslice_groups(BIT VARYING[]) IS
'The examples that have each count, as bitmaps; one row per count that occurs.';
