-- error_consistency: do two runs err on the same examples, beyond what their accuracies give?
-- Grain: one row per (ensemble, split, evaluation, pair of runs that have recorded it), run_a
-- before run_b.
-- Source: Cohen's kappa of right and wrong, Meding 2022 s.2 (Geirhos 2020).
--
-- NULL: kappa where chance alone explains full consistency (both runs always right, or both always
-- wrong).

CREATE VIEW error_consistency AS
SELECT
    pair.ensemble,
    pair.ensemble_id,
    pair.split,
    pair.evaluation,
    pair.run_a,
    pair.run_b,
    pair.seed_a,
    pair.seed_b,
    pair.examples::INTEGER AS examples,
    pair.accuracy_a,
    pair.accuracy_b,
    pair.observed,
    pair.expected,
    CASE
        WHEN 1 - pair.expected > 1e-12
            THEN (pair.observed - pair.expected) / (1 - pair.expected)
    END AS kappa
FROM (
    SELECT
        counts.*,
        counts.correct_a::DOUBLE PRECISION / counts.examples AS accuracy_a,
        counts.correct_b::DOUBLE PRECISION / counts.examples AS accuracy_b,
        (counts.examples - counts.correct_a - counts.correct_b + 2 * counts.both_correct)
        ::DOUBLE PRECISION / counts.examples AS observed,
        (
            counts.correct_a::DOUBLE PRECISION * counts.correct_b
            + (counts.examples - counts.correct_a)::DOUBLE PRECISION
            * (counts.examples - counts.correct_b)
        ) / counts.examples / counts.examples AS expected
    FROM (
        SELECT
            one.ensemble,
            one.ensemble_id,
            block.split,
            a.evaluation,
            one.run_id AS run_a,
            other.run_id AS run_b,
            one.seed AS seed_a,
            other.seed AS seed_b,
            sum(block.size) AS examples,
            sum(bit_count(a.correct)) AS correct_a,
            sum(bit_count(b.correct)) AS correct_b,
            sum(bit_count(a.correct & b.correct)) AS both_correct
        FROM counted_run AS one
        INNER JOIN counted_run AS other
            ON
                one.ensemble_id = other.ensemble_id
                AND one.ensemble = other.ensemble
                AND one.run_id < other.run_id
        INNER JOIN outcome_block AS a ON one.run_id = a.run_id
        INNER JOIN outcome_block AS b
            ON other.run_id = b.run_id AND a.block = b.block AND a.evaluation = b.evaluation
        INNER JOIN block ON one.dataset_id = block.dataset_id AND a.block = block.block
        GROUP BY
            one.ensemble,
            one.ensemble_id,
            block.split,
            a.evaluation,
            one.run_id,
            other.run_id,
            one.seed,
            other.seed
    ) AS counts
) AS pair;

COMMENT ON VIEW error_consistency IS
'Cohen''s kappa of being right, for each pair of runs at each evaluation (Meding 2022 s.2).';
COMMENT ON COLUMN error_consistency.run_a IS 'Id of one run.';
COMMENT ON COLUMN error_consistency.run_b IS 'Id of the other run, above run_a.';
COMMENT ON COLUMN error_consistency.seed_a IS 'Seed of run_a.';
COMMENT ON COLUMN error_consistency.seed_b IS 'Seed of run_b.';
COMMENT ON COLUMN error_consistency.examples IS 'Examples of the split.';
COMMENT ON COLUMN error_consistency.accuracy_a IS 'Share of the examples that run_a has right.';
COMMENT ON COLUMN error_consistency.accuracy_b IS 'Share of the examples that run_b has right.';
COMMENT ON COLUMN error_consistency.observed IS
'Share of the examples that both have right or both wrong.';
COMMENT ON COLUMN error_consistency.expected IS
'The same share, were the runs right independently with their accuracies.';
COMMENT ON COLUMN error_consistency.kappa IS
'(observed - expected) / (1 - expected): 1 is the same errors, 0 chance.';
COMMENT ON COLUMN error_consistency.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN error_consistency.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN error_consistency.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN error_consistency.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
