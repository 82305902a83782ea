-- bitslice_history: what one run's bitmaps, read along its training, say of each example.
-- Source: learned, Hacohen 2020 s.3.1; first correct and last mistake, Hu 2022; forgetting events,
-- Toneva 2019.
--
-- `correct` holds the bitmaps of the evaluations whose ordinals are `evaluations`, ascending.
-- Numbers per example come as `planes` slices (forgotten: as many as it needs):
--   forgotten      times that right is followed by wrong
--   learned        evaluation from which on it is always right; 2^planes - 1 where wrong at the end
--   first_correct  first evaluation that is right; 2^planes - 1 where none is
--   last_mistake   last evaluation that is wrong; 0 where none is
-- and as bitmaps `ever` (right at some evaluation), `at_first` and `at_last` (right there).
-- 2^planes - 1 must be above the last ordinal.
--
-- "Right from here on" is, along the evaluations, 0 up to some point and 1 after it, and so is
-- "right by now". A slice of the ordinal at that point is the XOR of such bitmaps over the
-- evaluations at which the ordinal's digit changes: two operations an evaluation for all slices.

CREATE FUNCTION bitslice_history(
    correct BIT VARYING[],
    evaluations INTEGER[],
    planes INTEGER,
    forgotten OUT BIT VARYING[],
    learned OUT BIT VARYING[],
    first_correct OUT BIT VARYING[],
    last_mistake OUT BIT VARYING[],
    ever OUT BIT VARYING,
    at_first OUT BIT VARYING,
    at_last OUT BIT VARYING
)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200000
AS $$
DECLARE
    n INTEGER := cardinality(correct);
    none BIT VARYING := correct[1] # correct[1];
    unlearned INTEGER := (1 << planes) - 1;
    events BIT VARYING [] := '{}';
    from_now BIT VARYING := ~none;
    changes INTEGER;
    mistake_changes INTEGER;
BEGIN
    at_first := correct[1];
    at_last := correct[n];
    ever := none;
    learned := array_fill(none, ARRAY[planes]);
    first_correct := learned;
    last_mistake := learned;
    FOR e IN 1 .. n LOOP
        -- Before this evaluation was `ever` right by the one before; the digits in which their
        -- ordinals differ change where it was not yet right by then.
        IF e > 1 THEN
            events[e - 1] := correct[e - 1] & ~correct[e];
        END IF;
        ever := ever | correct[e];
        changes := evaluations[e] # coalesce(evaluations[e + 1], unlearned);
        FOR p IN 1 .. planes LOOP
            IF (changes >> (p - 1)) & 1 = 1 THEN
                first_correct[p] := first_correct[p] # ever;
            END IF;
        END LOOP;
    END LOOP;
    FOR e IN REVERSE n .. 1 LOOP
        from_now := from_now & correct[e];
        changes := evaluations[e] # coalesce(evaluations[e + 1], unlearned);
        mistake_changes := CASE WHEN e > 1 THEN evaluations[e - 1] ELSE 0 END # evaluations[e];
        FOR p IN 1 .. planes LOOP
            IF (changes >> (p - 1)) & 1 = 1 THEN
                learned[p] := learned[p] # from_now;
            END IF;
            IF (mistake_changes >> (p - 1)) & 1 = 1 THEN
                last_mistake[p] := last_mistake[p] # from_now;
            END IF;
        END LOOP;
    END LOOP;
    -- The digits of the value for "at no evaluation", where everything started from.
    FOR p IN 1 .. planes LOOP
        learned[p] := ~learned[p];
        first_correct[p] := ~first_correct[p];
        IF (evaluations[n] >> (p - 1)) & 1 = 1 THEN
            last_mistake[p] := ~last_mistake[p];
        END IF;
    END LOOP;
    forgotten := bitslice_count(events);
    IF cardinality(forgotten) = 0 THEN
        forgotten := ARRAY[none];
    END IF;
END
$$;

COMMENT ON FUNCTION bitslice_history(BIT VARYING[], INTEGER[], INTEGER) IS
'What one run says of each example along its training: forgetting events, when it is learned, '
'first right and last wrong.';
