-- error_consistency_in_between: error_consistency on examples that only some of the runs have right
-- Grain: one row per (ensemble, split, evaluation, pair of runs that have recorded it), run_a
-- before run_b.
-- Source: error consistency without trivial and impossible images, Meding 2022 s.3.3.
--
-- All examples of the split count, whether the two runs trained on them or held them out, as in
-- error_consistency.
-- NULL: shares where no example is in between; kappa, besides, where chance alone explains full
-- consistency. With few runs kappa is biased below 0, for that all agree is ruled out: the runs of
-- an ensemble of two never agree about an example that is in between.

CREATE VIEW error_consistency_in_between AS
SELECT
    pair.ensemble,
    pair.ensemble_id,
    pair.split,
    pair.evaluation,
    pair.run_a,
    pair.run_b,
    pair.seed_a,
    pair.seed_b,
    pair.examples,
    pair.correct_a::DOUBLE PRECISION / nullif(pair.examples, 0) AS accuracy_a,
    pair.correct_b::DOUBLE PRECISION / nullif(pair.examples, 0) AS accuracy_b,
    (pair.examples - pair.correct_a - pair.correct_b + 2 * pair.both_correct)::DOUBLE PRECISION
    / nullif(pair.examples, 0) AS observed,
    (
        pair.correct_a::DOUBLE PRECISION * pair.correct_b
        + (pair.examples - pair.correct_a)::DOUBLE PRECISION * (pair.examples - pair.correct_b)
    ) / nullif(pair.examples, 0) / nullif(pair.examples, 0) AS expected,
    cohen_kappa(pair.examples, pair.correct_a, pair.correct_b, pair.both_correct) AS kappa
FROM (
    -- Both runs are right about trivial examples and wrong about impossible ones, so counts without
    -- them need no bitmaps.
    SELECT
        run_pair.ensemble,
        run_pair.ensemble_id,
        run_pair.split,
        run_pair.evaluation,
        run_pair.run_a,
        run_pair.run_b,
        run_pair.seed_a,
        run_pair.seed_b,
        run_pair.examples - extreme.trivial - extreme.impossible AS examples,
        run_pair.correct_a - extreme.trivial AS correct_a,
        run_pair.correct_b - extreme.trivial AS correct_b,
        run_pair.both_correct - extreme.trivial AS both_correct
    FROM run_pair
    INNER JOIN (
        SELECT
            everyone.ensemble,
            everyone.ensemble_id,
            everyone.split,
            everyone.evaluation,
            sum(bit_count(everyone.right_in_all))::INTEGER AS trivial,
            sum(everyone.size - bit_count(everyone.right_in_some))::INTEGER AS impossible
        FROM (
            SELECT
                counted_run.ensemble,
                counted_run.ensemble_id,
                counted_run.dataset_id,
                outcome_block.block,
                outcome_block.evaluation,
                block.split,
                block.size,
                bit_and(outcome_block.correct) AS right_in_all,
                bit_or(outcome_block.correct) AS right_in_some
            FROM counted_run
            INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
            INNER JOIN block
                ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
            GROUP BY
                counted_run.ensemble,
                counted_run.ensemble_id,
                counted_run.dataset_id,
                outcome_block.block,
                outcome_block.evaluation,
                block.split,
                block.size
        ) AS everyone
        GROUP BY everyone.ensemble, everyone.ensemble_id, everyone.split, everyone.evaluation
    ) AS extreme
        ON
            run_pair.ensemble = extreme.ensemble
            AND run_pair.ensemble_id = extreme.ensemble_id
            AND run_pair.split = extreme.split
            AND run_pair.evaluation = extreme.evaluation
) AS pair;

COMMENT ON VIEW error_consistency_in_between IS
'Cohen''s kappa of being right, for each pair of runs, on examples that some runs have right.';
COMMENT ON COLUMN error_consistency_in_between.run_a IS 'Id of one run.';
COMMENT ON COLUMN error_consistency_in_between.run_b IS 'Id of the other run, above run_a.';
COMMENT ON COLUMN error_consistency_in_between.seed_a IS 'Seed of run_a.';
COMMENT ON COLUMN error_consistency_in_between.seed_b IS 'Seed of run_b.';
COMMENT ON COLUMN error_consistency_in_between.examples IS
'Examples of the split that are right in some counted runs and wrong in others, at the evaluation.';
COMMENT ON COLUMN error_consistency_in_between.accuracy_a IS
'Share of these examples that run_a has right.';
COMMENT ON COLUMN error_consistency_in_between.accuracy_b IS
'Share of these examples that run_b has right.';
COMMENT ON COLUMN error_consistency_in_between.observed IS
'Share of these examples that both have right or both wrong.';
COMMENT ON COLUMN error_consistency_in_between.expected IS
'The same share, were the runs right independently with their accuracies.';
COMMENT ON COLUMN error_consistency_in_between.kappa IS
'(observed - expected) / (1 - expected): 1 is the same errors, 0 chance.';
COMMENT ON COLUMN error_consistency_in_between.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN error_consistency_in_between.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN error_consistency_in_between.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN error_consistency_in_between.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
