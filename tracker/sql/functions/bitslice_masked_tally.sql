-- bitslice_masked_tally: for each of several sets of examples, how often each value from 0 to
-- `highest` occurs among them, over several rows of slices.
--
-- `rows` is [rows][planes]: each row the slices of one value an example, least significant first;
-- `masks` are the sets, as bitmaps; `set` numbers them from 1. Equal values are first counted over
-- the rows, so that the sets cost little each.

CREATE FUNCTION bitslice_masked_tally(
    rows BIT VARYING[], masks BIT VARYING[], highest INTEGER
)
RETURNS TABLE (set INTEGER, tally BIGINT[])
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200000 ROWS 20
AS $$
DECLARE
    digits BIT VARYING [] := rows;
    runs INTEGER := array_length(rows, 1);
    planes INTEGER := array_length(rows, 2);
    tallies BIGINT [] := array_fill(0, ARRAY[cardinality(masks), highest + 1]);
    equal BIT VARYING [];
    counts BIT VARYING [];
    here BIT VARYING;
BEGIN
    FOR value IN 0 .. highest LOOP
        equal := '{}';
        FOR r IN 1 .. runs LOOP
            here := ~(masks[1] # masks[1]);
            FOR p IN 1 .. planes LOOP
                here := CASE
                    WHEN (value >> (p - 1)) & 1 = 1 THEN here & digits[r][p]
                    ELSE here & ~digits[r][p]
                END;
            END LOOP;
            IF bit_count(here) > 0 THEN
                equal := array_append(equal, here);
            END IF;
        END LOOP;
        counts := bitslice_count(equal);
        FOR i IN 1 .. CASE WHEN cardinality(counts) > 0 THEN cardinality(masks) ELSE 0 END LOOP
            FOR j IN 1 .. cardinality(counts) LOOP
                tallies[i][value + 1] := tallies[i][value + 1]
                    + (bit_count(counts[j] & masks[i]) << (j - 1));
            END LOOP;
        END LOOP;
    END LOOP;
    FOR i IN 1 .. cardinality(masks) LOOP
        set := i;
        tally := ARRAY(
            SELECT cell.count
            FROM unnest(tallies[i:i][:]) WITH ORDINALITY AS cell (count, place)
            ORDER BY cell.place
        );
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION bitslice_masked_tally(BIT VARYING[], BIT VARYING[], INTEGER) IS
'For each of several sets of examples, how often each value occurs among them.';
