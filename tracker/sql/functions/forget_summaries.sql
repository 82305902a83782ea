-- forget_summaries: deletes a training run's summaries of signals, to be written anew
-- Source: see tracker/outcomes/writer.py, which replaces them as the run goes on.
--
-- Runs with its owner's rights, so that workers need no right to delete: it does so only for a run
-- that is training. Returns the number of rows.

CREATE FUNCTION forget_summaries(run INTEGER, signals TEXT[])
RETURNS BIGINT
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    deleted BIGINT;
BEGIN
    DELETE FROM signal_summary
    USING run AS held
    WHERE
        signal_summary.run_id = forget_summaries.run
        AND signal_summary.signal = ANY(forget_summaries.signals)
        AND held.id = forget_summaries.run
        AND held.state = 'running';
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END
$$;
COMMENT ON FUNCTION forget_summaries(INTEGER, TEXT[]) IS
'Deletes the summaries of these signals of a run that is training; the number of rows.';
REVOKE EXECUTE ON FUNCTION forget_summaries(INTEGER, TEXT[]) FROM public;
