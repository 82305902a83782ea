-- forget_evaluations: deletes what an earlier attempt at a run has recorded after an evaluation
-- Source: the one thing that workers delete; see tracker/runs.py, begin.
--
-- Runs with its owner's rights, so that workers need no right to delete: it does so only for a run
-- that the attempt holds. What hangs on the evaluations goes with them. Returns their number, 0
-- where the attempt does not hold the run.

CREATE FUNCTION forget_evaluations(run INTEGER, attempt INTEGER, last_kept INTEGER)
RETURNS BIGINT
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    deleted BIGINT;
BEGIN
    DELETE FROM evaluation
    USING run AS held
    WHERE
        evaluation.run_id = forget_evaluations.run
        AND evaluation.evaluation > forget_evaluations.last_kept
        AND held.id = forget_evaluations.run
        AND held.attempt = forget_evaluations.attempt
        AND held.state = 'running';
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END
$$;
COMMENT ON FUNCTION forget_evaluations(INTEGER, INTEGER, INTEGER) IS
'Deletes the evaluations after one of a run that the attempt holds, with all that they recorded; '
'their number.';
REVOKE EXECUTE ON FUNCTION forget_evaluations(INTEGER, INTEGER, INTEGER) FROM public;
