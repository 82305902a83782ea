-- counted_run: the runs whose outcomes the views count
-- Grain: one row per run that has not failed.
--
-- A failed run (non-finite loss, an exception) says nothing about the examples and is left out
-- everywhere. Queued, running and cancelled runs count with the evaluations that they have
-- recorded, so that every view answers while an ensemble trains.

CREATE VIEW counted_run AS
SELECT
    ensemble.id AS ensemble_id,
    ensemble.name AS ensemble,
    ensemble.dataset_id,
    run.id AS run_id,
    run.seed
FROM run
INNER JOIN ensemble ON run.ensemble_id = ensemble.id
WHERE run.state <> 'failed';

COMMENT ON VIEW counted_run IS 'The runs whose outcomes the views count: all but failed ones.';
COMMENT ON COLUMN counted_run.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN counted_run.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN counted_run.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN counted_run.run_id IS 'Id of the run.';
COMMENT ON COLUMN counted_run.seed IS 'Seed of the run.';
