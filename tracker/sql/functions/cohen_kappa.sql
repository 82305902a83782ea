-- cohen_kappa: error consistency of two runs, from numbers of examples: all, those that each run
-- has right, and those that both have right
-- Source: (c_obs - c_exp) / (1 - c_exp), Meding 2022 s.2 (Geirhos 2020, Cohen 1960).
--
-- NULL where chance alone explains full consistency (both runs always right, or both always wrong)
-- and where there are no examples. One expression, so that the planner inlines it; in whole
-- numbers, both sides of the fraction times the square of the number of examples, hence exact.

CREATE FUNCTION cohen_kappa(
    examples BIGINT, -- Examples that both runs say something of.
    correct_a BIGINT, -- Those that the one has right.
    correct_b BIGINT, -- Those that the other has right.
    both_correct BIGINT -- Those that both have right.
)
RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT
        (
            examples * (examples - correct_a - correct_b + 2 * both_correct)
            - correct_a * correct_b - (examples - correct_a) * (examples - correct_b)
        )::DOUBLE PRECISION
        / nullif(
            examples * examples
            - correct_a * correct_b - (examples - correct_a) * (examples - correct_b),
            0
        )
$$;

COMMENT ON FUNCTION cohen_kappa(BIGINT, BIGINT, BIGINT, BIGINT) IS
'Error consistency of two runs from numbers of examples: all, those each has right, those both '
'have right (Meding 2022).';
