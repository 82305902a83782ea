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
