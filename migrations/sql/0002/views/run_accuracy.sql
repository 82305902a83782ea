-- run_accuracy: accuracy of each run on each split at each evaluation
-- Grain: one row per (run, split, evaluation) recorded.

CREATE VIEW run_accuracy AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.run_id,
    counted_run.seed,
    block.split,
    outcome_block.evaluation,
    sum(bit_count(outcome_block.correct))::INTEGER AS correct,
    sum(block.size)::INTEGER AS examples,
    sum(bit_count(outcome_block.correct))::DOUBLE PRECISION / sum(block.size) AS accuracy
FROM counted_run
INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
GROUP BY
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.run_id,
    counted_run.seed,
    block.split,
    outcome_block.evaluation;

COMMENT ON VIEW run_accuracy IS 'Accuracy of each run on each split at each evaluation.';
COMMENT ON COLUMN run_accuracy.correct IS 'Examples classified correctly.';
COMMENT ON COLUMN run_accuracy.examples IS 'Examples scored.';
COMMENT ON COLUMN run_accuracy.accuracy IS 'correct / examples, from 0 to 1.';
COMMENT ON COLUMN run_accuracy.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_accuracy.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_accuracy.run_id IS 'Id of the run.';
COMMENT ON COLUMN run_accuracy.seed IS 'Seed of the run.';
COMMENT ON COLUMN run_accuracy.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN run_accuracy.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
