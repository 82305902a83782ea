-- signal_mean_part: the mean over runs of each summarised signal, for a block of examples
-- Grain: one row per (ensemble, block, signal) that a counted run has summarised.
-- Source: of confidence, the data map (Swayamdipta 2020); of margin, AUM (Pleiss 2020).
--
-- What signal_mean_block is made of. `part`, 0 to 3, tells four shares of the blocks apart.

CREATE VIEW signal_mean_part AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.dataset_id,
    signal_summary.block,
    signal_summary.signal,
    signal_summary.block % 4 AS part,
    count(*)::INTEGER AS runs,
    rows_mean(array_agg(signal_summary.mean ORDER BY counted_run.run_id)) AS mean,
    rows_mean(array_agg(signal_summary.deviation ORDER BY counted_run.run_id)) AS deviation,
    array_agg(signal_summary.mean ORDER BY counted_run.run_id) AS mean_by_run,
    block.split
FROM counted_run
INNER JOIN signal_summary ON counted_run.run_id = signal_summary.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND signal_summary.block = block.block
GROUP BY
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.dataset_id,
    signal_summary.block,
    signal_summary.signal,
    block.split;

COMMENT ON VIEW signal_mean_part IS
'Mean over runs of the mean and deviation of each signal, for a block of examples.';
COMMENT ON COLUMN signal_mean_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN signal_mean_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN signal_mean_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN signal_mean_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN signal_mean_part.signal IS 'confidence, margin, loss or el2n.';
COMMENT ON COLUMN signal_mean_part.part IS 'Share of the blocks, 0 to 3.';
COMMENT ON COLUMN signal_mean_part.runs IS 'Counted runs that have summarised it.';
COMMENT ON COLUMN signal_mean_part.mean IS
'Mean over runs of the mean over evaluations; one number an example.';
COMMENT ON COLUMN signal_mean_part.deviation IS
'Mean over runs of the population standard deviation over evaluations; one number an example.';
COMMENT ON COLUMN signal_mean_part.mean_by_run IS
'Mean over evaluations of each run, [runs][examples], by run_id.';
COMMENT ON COLUMN signal_mean_part.split IS 'Split of the block: train or test.';
