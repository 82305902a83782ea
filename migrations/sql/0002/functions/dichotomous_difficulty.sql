-- dichotomous_difficulty: trivial, impossible or in between, by the number of runs that are right
-- Source: Meding 2022; his "trivial" images are those that all runs get right (s.3.1) or that "all
-- except one" do (s.3.2): hence the tolerance.
--
-- Trivial is right in all runs but at most `tolerance`, impossible in at most `tolerance` runs.
-- NULL where no more than 2 tolerance runs are counted: an example could be both.
-- One expression, so that the planner inlines it.

CREATE FUNCTION dichotomous_difficulty(
    runs_correct INTEGER, runs INTEGER, tolerance INTEGER DEFAULT 0
)
RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN tolerance < 0 OR runs <= 2 * tolerance THEN NULL
        WHEN runs_correct >= runs - tolerance THEN 'trivial'
        WHEN runs_correct <= tolerance THEN 'impossible'
        ELSE 'in between'
    END
$$;
