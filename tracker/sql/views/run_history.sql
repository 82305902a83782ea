-- run_history: what happened to each run, and when
-- Grain: one row per event of a run; its evaluations are in ensemble_evaluation and run_progress.
--
-- NULL: worker before a run is first claimed, detail where there is nothing to add. Runs that were
-- imported, or ended before revision 0007, have no events. Times are the database's.

CREATE VIEW run_history AS
SELECT
    ensemble.name AS ensemble,
    ensemble.id AS ensemble_id,
    run.id AS run_id,
    run.seed,
    row_number() OVER (
        PARTITION BY ensemble.name, ensemble.id, run.id ORDER BY run_event.id
    )::INTEGER AS event_number,
    run_event.at,
    run_event.event,
    run_event.attempt,
    run_event.worker,
    run_event.detail::TEXT AS detail
FROM run_event
INNER JOIN run ON run_event.run_id = run.id
INNER JOIN ensemble ON run.ensemble_id = ensemble.id;

COMMENT ON VIEW run_history IS 'What happened to each run, and when.';
COMMENT ON COLUMN run_history.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_history.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_history.run_id IS 'Id of the run.';
COMMENT ON COLUMN run_history.seed IS 'Seed of the run.';
COMMENT ON COLUMN run_history.event_number IS '1 is the run''s first event.';
COMMENT ON COLUMN run_history.at IS 'By the database''s clock.';
COMMENT ON COLUMN run_history.event IS
'queued, claimed, resumed (from a checkpoint), begun_anew (what was recorded before is deleted), '
'checkpoint, given_back (by a worker that stops), data_missing (on that worker), lost (silent), '
'retried, cancel_requested, complete, failed or cancelled.';
COMMENT ON COLUMN run_history.attempt IS 'The run''s latest attempt at that time.';
COMMENT ON COLUMN run_history.worker IS 'host:pid of that attempt''s worker.';
COMMENT ON COLUMN run_history.detail IS 'What else is to be said, as JSON.';
