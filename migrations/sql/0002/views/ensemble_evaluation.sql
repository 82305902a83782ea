-- ensemble_evaluation: the evaluations of an ensemble and how many runs have recorded each
-- Grain: one row per (ensemble, evaluation) that at least one counted run has recorded.
--
-- NULL: train_loss at evaluation 0, which no training step precedes.

CREATE VIEW ensemble_evaluation AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    evaluation.evaluation,
    count(*)::INTEGER AS runs,
    min(evaluation.step) AS step,
    min(evaluation.epoch) AS epoch,
    avg(evaluation.train_loss) AS train_loss
FROM counted_run
INNER JOIN evaluation ON counted_run.run_id = evaluation.run_id
GROUP BY counted_run.ensemble_id, counted_run.ensemble, evaluation.evaluation;

COMMENT ON VIEW ensemble_evaluation IS
'The evaluations of each ensemble and how many runs have recorded them.';
COMMENT ON COLUMN ensemble_evaluation.runs IS 'Counted runs that have recorded it.';
COMMENT ON COLUMN ensemble_evaluation.step IS 'Optimizer steps before it.';
COMMENT ON COLUMN ensemble_evaluation.epoch IS 'Passes over the training set before it.';
COMMENT ON COLUMN ensemble_evaluation.train_loss IS
'Mean over runs of the mean training loss since the evaluation before.';
COMMENT ON COLUMN ensemble_evaluation.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN ensemble_evaluation.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN ensemble_evaluation.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
