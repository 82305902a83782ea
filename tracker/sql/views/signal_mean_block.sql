-- signal_mean_block: the mean over runs of each summarised signal, for a block of examples
-- Grain: one row per (ensemble, block, signal) that a counted run has summarised.
-- Source: of confidence, the data map (Swayamdipta 2020); of margin, AUM (Pleiss 2020).
--
-- A building block: one number an example, in order; NaN where a run's number is not one.
-- In four shares, as history_block. All runs count, whether they trained on an example or held it
-- out: signal_by_held_out tells them apart.

CREATE VIEW signal_mean_block AS
SELECT
    signal_mean_part.ensemble,
    signal_mean_part.ensemble_id,
    signal_mean_part.dataset_id,
    signal_mean_part.block,
    signal_mean_part.signal,
    signal_mean_part.runs,
    signal_mean_part.mean,
    signal_mean_part.deviation,
    signal_mean_part.mean_by_run,
    signal_mean_part.split
FROM signal_mean_part
WHERE signal_mean_part.part = 0
UNION ALL
SELECT
    signal_mean_part.ensemble,
    signal_mean_part.ensemble_id,
    signal_mean_part.dataset_id,
    signal_mean_part.block,
    signal_mean_part.signal,
    signal_mean_part.runs,
    signal_mean_part.mean,
    signal_mean_part.deviation,
    signal_mean_part.mean_by_run,
    signal_mean_part.split
FROM signal_mean_part
WHERE signal_mean_part.part = 1
UNION ALL
SELECT
    signal_mean_part.ensemble,
    signal_mean_part.ensemble_id,
    signal_mean_part.dataset_id,
    signal_mean_part.block,
    signal_mean_part.signal,
    signal_mean_part.runs,
    signal_mean_part.mean,
    signal_mean_part.deviation,
    signal_mean_part.mean_by_run,
    signal_mean_part.split
FROM signal_mean_part
WHERE signal_mean_part.part = 2
UNION ALL
SELECT
    signal_mean_part.ensemble,
    signal_mean_part.ensemble_id,
    signal_mean_part.dataset_id,
    signal_mean_part.block,
    signal_mean_part.signal,
    signal_mean_part.runs,
    signal_mean_part.mean,
    signal_mean_part.deviation,
    signal_mean_part.mean_by_run,
    signal_mean_part.split
FROM signal_mean_part
WHERE signal_mean_part.part = 3;

COMMENT ON VIEW signal_mean_block IS
'Mean over runs of the mean and deviation of each signal, for a block of examples.';
COMMENT ON COLUMN signal_mean_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN signal_mean_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN signal_mean_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN signal_mean_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN signal_mean_block.signal IS 'confidence, margin, loss or el2n.';
COMMENT ON COLUMN signal_mean_block.runs IS 'Counted runs that have summarised it.';
COMMENT ON COLUMN signal_mean_block.mean IS
'Mean over runs of the mean over evaluations; one number an example.';
COMMENT ON COLUMN signal_mean_block.deviation IS
'Mean over runs of the population standard deviation over evaluations; one number an example.';
COMMENT ON COLUMN signal_mean_block.mean_by_run IS
'Mean over evaluations of each run, [runs][examples], by run_id.';
COMMENT ON COLUMN signal_mean_block.split IS 'Split of the block: train or test.';
