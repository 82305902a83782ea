-- run_progress: where each run is
-- Grain: one row per run, in every state.
--
-- NULL: examples_per_second and seconds_left before the first heartbeat, seconds_left also where
-- the run is not running. Times are the database's.

CREATE VIEW run_progress AS
SELECT
    ensemble.name AS ensemble,
    ensemble.id AS ensemble_id,
    run.id AS run_id,
    run.seed,
    run.state,
    run.attempt,
    coalesce(recorded.evaluations, 0) AS evaluations,
    ensemble.evaluations AS evaluations_in_all,
    greatest(run.step, coalesce(recorded.step, 0)) AS step,
    ensemble.total_steps,
    greatest(run.step, coalesce(recorded.step, 0))::DOUBLE PRECISION / ensemble.total_steps
        AS share,
    run.examples_per_second,
    CASE
        WHEN run.state = 'running' AND run.step > 0
            THEN
                extract(EPOCH FROM run.heartbeat_at - run.started_at)::DOUBLE PRECISION
                * (ensemble.total_steps - run.step) / run.step
    END AS seconds_left,
    run.worker,
    run.started_at,
    run.heartbeat_at,
    run.finished_at,
    run.error
FROM run
INNER JOIN ensemble ON run.ensemble_id = ensemble.id
LEFT JOIN (
    SELECT
        evaluation.run_id,
        count(*)::INTEGER AS evaluations,
        max(evaluation.step) AS step
    FROM evaluation
    GROUP BY evaluation.run_id
) AS recorded ON run.id = recorded.run_id;

COMMENT ON VIEW run_progress IS 'Where each run is: state, evaluations, speed, time left.';
COMMENT ON COLUMN run_progress.attempt IS 'Number of times a worker has claimed the run.';
COMMENT ON COLUMN run_progress.step IS 'Optimizer steps done.';
COMMENT ON COLUMN run_progress.total_steps IS 'Optimizer steps of a complete run.';
COMMENT ON COLUMN run_progress.worker IS 'host:pid of the latest attempt''s worker.';
COMMENT ON COLUMN run_progress.evaluations IS 'Evaluations recorded.';
COMMENT ON COLUMN run_progress.evaluations_in_all IS 'Evaluations of a complete run.';
COMMENT ON COLUMN run_progress.share IS 'Share of the optimizer steps that are done, 0 to 1.';
COMMENT ON COLUMN run_progress.examples_per_second IS
'Training examples a second in the latest attempt, evaluations included.';
COMMENT ON COLUMN run_progress.seconds_left IS 'Estimated from the latest attempt''s speed.';
COMMENT ON COLUMN run_progress.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_progress.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_progress.run_id IS 'Id of the run.';
COMMENT ON COLUMN run_progress.seed IS 'Seed of the run.';
COMMENT ON COLUMN run_progress.state IS 'queued, running, complete, failed or cancelled.';
COMMENT ON COLUMN run_progress.started_at IS 'Start of the latest attempt.';
COMMENT ON COLUMN run_progress.heartbeat_at IS 'Last sign of life.';
COMMENT ON COLUMN run_progress.finished_at IS 'End of the run.';
COMMENT ON COLUMN run_progress.error IS 'What ended the latest attempt, with its traceback.';
