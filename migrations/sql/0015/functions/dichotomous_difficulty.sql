-- dichotomous_difficulty: trivial, impossible or in between, by the number of runs that are right
-- Source: Meding 2022; his "trivial" images are those that all runs get right (s.3.1) or that "all
-- except one" do (s.3.2): hence the tolerance.
--
-- Trivial is right in all runs but at most `tolerance`, impossible in at most `tolerance` runs.
-- NULL where no more than 2 tolerance runs are counted, as at an evaluation that few have reached:
-- an example could be both; and for NULL. A tolerance below 0 is an error, and so are right runs
-- below 0 or more than runs.
-- One expression, so that the planner inlines it: the views ask it for every example.

-- Says what is wrong. A function of its own, because an expression cannot raise; it counts as cheap
-- so that plans stay as they are.
CREATE FUNCTION dichotomy_refusal(runs_correct INTEGER, runs INTEGER, tolerance INTEGER)
RETURNS TEXT
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1
AS $$
BEGIN
    IF tolerance < 0 THEN
        RAISE EXCEPTION 'dichotomous_difficulty: tolerance must be at least 0, got %', tolerance;
    END IF;
    RAISE EXCEPTION 'dichotomous_difficulty: runs_correct must be from 0 to the % runs, got %',
        runs, runs_correct;
END
$$;

CREATE FUNCTION dichotomous_difficulty(
    runs_correct INTEGER, -- Runs that are right, as in tp_agreement and dichotomy.
    runs INTEGER, -- Runs that are counted.
    tolerance INTEGER DEFAULT 0 -- Runs that may differ from the others.
)
RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    -- Each answer is checked on its own, which costs less than to check everything first.
    SELECT CASE
        WHEN tolerance < 0 THEN dichotomy_refusal(runs_correct, runs, tolerance)
        WHEN runs - tolerance <= tolerance
            THEN
                CASE
                    WHEN runs_correct < 0 OR runs_correct > runs
                        THEN dichotomy_refusal(runs_correct, runs, tolerance)
                END
        WHEN runs_correct >= runs - tolerance
            THEN
                CASE
                    WHEN runs_correct > runs THEN dichotomy_refusal(runs_correct, runs, tolerance)
                    ELSE 'trivial'
                END
        WHEN runs_correct <= tolerance
            THEN
                CASE
                    WHEN runs_correct < 0 THEN dichotomy_refusal(runs_correct, runs, tolerance)
                    ELSE 'impossible'
                END
        WHEN runs_correct < runs - tolerance THEN 'in between'
    END
$$;

COMMENT ON FUNCTION dichotomous_difficulty(INTEGER, INTEGER, INTEGER) IS
'trivial, impossible or in between, by the number of runs that are right, with a tolerance (Meding '
'2022).';
