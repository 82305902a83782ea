-- ensemble_accuracy: mean accuracy of an ensemble's runs at each evaluation
-- Grain: one row per (ensemble, split, evaluation) that at least one counted run has recorded.
-- Source: the mean over runs of the accuracy, which is the mean over examples of Tp-agreement
-- (Hacohen 2020 s.2).
--
-- Never NULL. Evaluations of two ensembles are matched by it: see accuracies_match.

CREATE VIEW ensemble_accuracy AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.dataset_id,
    block.split,
    outcome_block.evaluation,
    count(DISTINCT counted_run.run_id)::INTEGER AS runs,
    -- Every run scores every example of the split.
    sum(bit_count(outcome_block.correct))::DOUBLE PRECISION / sum(block.size) AS accuracy
FROM counted_run
INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
GROUP BY
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.dataset_id,
    block.split,
    outcome_block.evaluation;

COMMENT ON VIEW ensemble_accuracy IS
'Mean accuracy of the runs of each ensemble on each split at each evaluation.';
COMMENT ON COLUMN ensemble_accuracy.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN ensemble_accuracy.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN ensemble_accuracy.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN ensemble_accuracy.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN ensemble_accuracy.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN ensemble_accuracy.runs IS 'Counted runs that have recorded it.';
COMMENT ON COLUMN ensemble_accuracy.accuracy IS
'Mean over them of the share of examples that are right, from 0 to 1.';
