-- signal_held_out_part: signal_mean_part of the runs that trained on an example, and of the others
-- Grain: one row per (ensemble, block, signal, held out or not) that a run that trained on an
-- example of the block (held_out false) or held one out (true) has summarised.
-- Source: of confidence, the data map (Swayamdipta 2020); of margin, AUM (Pleiss 2020).
--
-- What signal_by_held_out is made of (slices: see bitslice_count). `part`, 0 to 3, tells four
-- shares of the blocks apart: each has a scan of its own, which parallel workers share.

CREATE VIEW signal_held_out_part AS
SELECT
    told.ensemble_id,
    told.ensemble,
    told.dataset_id,
    told.block,
    told.signal,
    told.block % 4 AS part,
    side.held_out,
    side.runs,
    side.mean,
    side.deviation,
    told.split
FROM
    (
        SELECT
            run_held_out.ensemble_id,
            run_held_out.ensemble,
            run_held_out.dataset_id,
            signal_summary.block,
            run_held_out.split,
            signal_summary.signal,
            rows_mean_apart(
                array_agg(signal_summary.mean ORDER BY run_held_out.run_id),
                array_agg(run_held_out.held_out ORDER BY run_held_out.run_id)
            ) AS mean,
            rows_mean_apart(
                array_agg(signal_summary.deviation ORDER BY run_held_out.run_id),
                array_agg(run_held_out.held_out ORDER BY run_held_out.run_id)
            ) AS deviation,
            bitslice_sum(~run_held_out.held_out) AS runs_trained_on,
            bitslice_sum(run_held_out.held_out) AS runs_held_out
        FROM run_held_out
        INNER JOIN signal_summary
            ON
                run_held_out.run_id = signal_summary.run_id
                AND run_held_out.block = signal_summary.block
        GROUP BY
            run_held_out.ensemble_id,
            run_held_out.ensemble,
            run_held_out.dataset_id,
            signal_summary.block,
            run_held_out.split,
            signal_summary.signal
    ) AS told
CROSS JOIN
    LATERAL (
        VALUES
        (FALSE, told.runs_trained_on, told.mean[1:1], told.deviation[1:1]),
        (TRUE, told.runs_held_out, told.mean[2:2], told.deviation[2:2])
    ) AS side (held_out, runs, mean, deviation)
-- Of a kind of which the block has none there is no row.
WHERE bit_count(bitslice_at_least(side.runs, 1)) > 0;

COMMENT ON VIEW signal_held_out_part IS
'Mean over the runs that trained on each example, and over those that held it out, of the mean and '
'deviation of each signal.';
COMMENT ON COLUMN signal_held_out_part.signal IS 'confidence, margin, loss or el2n.';
COMMENT ON COLUMN signal_held_out_part.part IS 'Share of the blocks, 0 to 3.';
COMMENT ON COLUMN signal_held_out_part.held_out IS
'Of the runs that held the example out, or of those that trained on it?';
COMMENT ON COLUMN signal_held_out_part.runs IS
'Slices of the number of those runs that have summarised it.';
COMMENT ON COLUMN signal_held_out_part.mean IS
'Mean over them of the mean over evaluations, [1][examples]; NULL where there are none.';
COMMENT ON COLUMN signal_held_out_part.deviation IS
'Mean over them of the population standard deviation over evaluations, alike.';
COMMENT ON COLUMN signal_held_out_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN signal_held_out_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN signal_held_out_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN signal_held_out_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN signal_held_out_part.split IS 'Split of the block: train or test.';
