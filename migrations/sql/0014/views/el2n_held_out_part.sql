-- el2n_held_out_part: el2n_part of the runs that trained on each example, and of the others
-- Grain: one row per (ensemble, block, evaluation, held out or not) that a run that trained on an
-- example of the block (held_out false) or held one out (true) has recorded with the signal el2n.
-- Source: Paul 2021 s.2.
--
-- What el2n_by_held_out is made of (slices: see bitslice_count). `part`, 0 to 3, tells four shares
-- of the evaluations apart: each has a scan of its own, which parallel workers share.

CREATE VIEW el2n_held_out_part AS
SELECT
    told.ensemble_id,
    told.ensemble,
    told.dataset_id,
    told.block,
    told.evaluation,
    told.evaluation % 4 AS part,
    side.held_out,
    side.runs,
    side.el2n,
    told.split
FROM
    (
        SELECT
            run_held_out.ensemble_id,
            run_held_out.ensemble,
            run_held_out.dataset_id,
            run_held_out.block,
            run_held_out.split,
            signal_block.evaluation,
            rows_mean_apart(
                array_agg(signal_block.value ORDER BY run_held_out.run_id),
                array_agg(run_held_out.held_out ORDER BY run_held_out.run_id)
            ) AS el2n,
            bitslice_sum(~run_held_out.held_out) AS runs_trained_on,
            bitslice_sum(run_held_out.held_out) AS runs_held_out
        FROM run_held_out
        INNER JOIN signal_block
            ON
                run_held_out.run_id = signal_block.run_id
                AND run_held_out.block = signal_block.block
        WHERE signal_block.signal = 'el2n'
        GROUP BY
            run_held_out.ensemble_id,
            run_held_out.ensemble,
            run_held_out.dataset_id,
            run_held_out.block,
            run_held_out.split,
            signal_block.evaluation
    ) AS told
CROSS JOIN
    LATERAL (
        VALUES
        (FALSE, told.runs_trained_on, told.el2n[1:1]),
        (TRUE, told.runs_held_out, told.el2n[2:2])
    ) AS side (held_out, runs, el2n)
-- Of a kind of which the block has none there is no row.
WHERE bit_count(bitslice_at_least(side.runs, 1)) > 0;

COMMENT ON VIEW el2n_held_out_part IS
'EL2N of each example of a block, of the runs that trained on it and of those that held it out.';
COMMENT ON COLUMN el2n_held_out_part.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN el2n_held_out_part.part IS 'Share of the evaluations, 0 to 3.';
COMMENT ON COLUMN el2n_held_out_part.held_out IS
'Of the runs that held the example out, or of those that trained on it?';
COMMENT ON COLUMN el2n_held_out_part.runs IS
'Slices of the number of those runs that have recorded the signal.';
COMMENT ON COLUMN el2n_held_out_part.el2n IS
'Mean over them of the 2-norm of the error, [1][examples]; NULL where there are none.';
COMMENT ON COLUMN el2n_held_out_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN el2n_held_out_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN el2n_held_out_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN el2n_held_out_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN el2n_held_out_part.split IS 'Split of the block: train or test.';
