-- bitslice_select: the k-th smallest of several values of each example, as slices; k counts from 1.
--
-- `rows` is [rows][planes]: each row the slices of one value an example, least significant
-- first. The digits of the answer are found from the top: it is 0 where at least k of the values
-- still in question have a 0 there, and they stay; else the others stay and k falls.

-- A k for each example, as slices; where it is 0, the answer is 0.
CREATE FUNCTION bitslice_select(rows BIT VARYING[], k BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    n INTEGER := array_length(rows, 1);
    planes INTEGER := array_length(rows, 2);
    digits BIT VARYING [] := rows;
    candidates BIT VARYING [];
    zeros BIT VARYING [] := '{}';
    zero_count BIT VARYING [];
    enough BIT VARYING;
    wanted BIT VARYING [] := k;
    answer BIT VARYING [] := '{}';
BEGIN
    candidates := array_fill(~(rows[1][1] # rows[1][1]), ARRAY[n]);
    FOR p IN REVERSE planes .. 1 LOOP
        FOR r IN 1 .. n LOOP
            zeros[r] := candidates[r] & ~digits[r][p];
        END LOOP;
        zero_count := bitslice_count(zeros);
        enough := bitslice_not_below(zero_count, wanted);
        answer[p] := ~enough;
        FOR r IN 1 .. n LOOP
            candidates[r] := candidates[r] & (digits[r][p] # enough);
        END LOOP;
        -- Where the zeros were too few, they come before the answer.
        FOR i IN 1 .. cardinality(zero_count) LOOP
            zero_count[i] := zero_count[i] & ~enough;
        END LOOP;
        wanted := bitslice_subtract(wanted, zero_count);
    END LOOP;
    RETURN answer;
END
$$;

-- The same k for all.
CREATE FUNCTION bitslice_select(rows BIT VARYING[], k INTEGER)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    n INTEGER := coalesce(array_length(rows, 1), 0);
    everyone BIT VARYING;
    wanted BIT VARYING [] := '{}';
BEGIN
    IF n < k OR k < 1 THEN
        RAISE EXCEPTION 'bitslice_select: k must be from 1 to the % values, got %', n, k;
    END IF;
    everyone := ~(rows[1][1] # rows[1][1]);
    FOR i IN 0 .. 30 LOOP
        EXIT WHEN k >> i = 0;
        wanted[i + 1] := CASE WHEN (k >> i) & 1 = 1 THEN everyone ELSE ~everyone END;
    END LOOP;
    RETURN bitslice_select(rows, wanted);
END
$$;

COMMENT ON FUNCTION bitslice_select(BIT VARYING[], BIT VARYING[]) IS
'The k-th smallest of several values of each example, as slices; a k for each example.';
COMMENT ON FUNCTION bitslice_select(BIT VARYING[], INTEGER) IS
'The k-th smallest of several values of each example, as slices; the same k for all.';
