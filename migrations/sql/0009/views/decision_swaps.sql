-- decision_swaps: how many answers of a run turn right or wrong between two evaluations
-- Grain: one row per (run, split, evaluation recorded) but the run's first.
-- Source: Meding 2022 s.3.1.
--
-- Never NULL: the first evaluation of a run follows none and has no row. Where evaluations are
-- missing, the one recorded before is compared.

CREATE VIEW decision_swaps AS
SELECT
    pair.ensemble,
    pair.ensemble_id,
    pair.run_id,
    pair.seed,
    pair.split,
    pair.evaluation,
    pair.previous_evaluation,
    sum(bit_count(pair.previous & ~pair.correct) + bit_count(pair.correct & ~pair.previous))
    ::INTEGER AS swaps,
    sum(bit_count(pair.previous & ~pair.correct))::INTEGER AS forgotten,
    sum(bit_count(pair.correct & ~pair.previous))::INTEGER AS learned,
    sum(pair.size)::INTEGER AS examples,
    sum(bit_count(pair.previous & ~pair.correct) + bit_count(pair.correct & ~pair.previous))
    ::DOUBLE PRECISION / sum(pair.size) AS swap_share
FROM (
    SELECT
        counted_run.ensemble,
        counted_run.ensemble_id,
        counted_run.dataset_id,
        counted_run.run_id,
        counted_run.seed,
        outcome_block.block,
        block.split,
        block.size,
        outcome_block.evaluation,
        outcome_block.correct,
        lag(outcome_block.correct) OVER past AS previous,
        lag(outcome_block.evaluation) OVER past AS previous_evaluation
    FROM counted_run
    INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
    INNER JOIN block
        ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
    WINDOW past AS (
        PARTITION BY
            counted_run.ensemble,
            counted_run.ensemble_id,
            counted_run.run_id,
            outcome_block.block,
            block.split
        ORDER BY outcome_block.evaluation
    )
) AS pair
WHERE pair.previous IS NOT NULL
GROUP BY
    pair.ensemble,
    pair.ensemble_id,
    pair.run_id,
    pair.seed,
    pair.split,
    pair.evaluation,
    pair.previous_evaluation;

COMMENT ON VIEW decision_swaps IS
'Answers of each run that change between right and wrong from one evaluation to the next.';
COMMENT ON COLUMN decision_swaps.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN decision_swaps.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN decision_swaps.run_id IS 'Id of the run.';
COMMENT ON COLUMN decision_swaps.seed IS 'Seed of the run.';
COMMENT ON COLUMN decision_swaps.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN decision_swaps.evaluation IS
'Ordinal of the evaluation after which the answers differ from those before.';
COMMENT ON COLUMN decision_swaps.previous_evaluation IS 'The evaluation recorded before it.';
COMMENT ON COLUMN decision_swaps.swaps IS 'Examples whose correctness has changed.';
COMMENT ON COLUMN decision_swaps.forgotten IS 'Those that were right and are wrong.';
COMMENT ON COLUMN decision_swaps.learned IS 'Those that were wrong and are right.';
COMMENT ON COLUMN decision_swaps.examples IS 'Examples of the split.';
COMMENT ON COLUMN decision_swaps.swap_share IS 'swaps / examples, from 0 to 1.';
