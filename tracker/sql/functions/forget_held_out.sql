-- forget_held_out: deletes what a training run that has recorded nothing yet was said to hold out
-- Source: see tracker/outcomes/held_out.py: the attempt that records first is right.
--
-- Runs with its owner's rights, so that workers need no right to delete: it does so only for a run
-- that is training and has no evaluations. Returns the number of rows.

CREATE FUNCTION forget_held_out(run INTEGER)
RETURNS BIGINT
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    deleted BIGINT;
BEGIN
    DELETE FROM run_block
    USING run AS held
    WHERE
        run_block.run_id = forget_held_out.run
        AND held.id = forget_held_out.run
        AND held.state = 'running'
        AND NOT EXISTS (
            SELECT FROM evaluation
            WHERE evaluation.run_id = forget_held_out.run
        );
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END
$$;
COMMENT ON FUNCTION forget_held_out(INTEGER) IS
'Deletes what a training run without evaluations was said to hold out; the number of rows.';
REVOKE EXECUTE ON FUNCTION forget_held_out(INTEGER) FROM public;
