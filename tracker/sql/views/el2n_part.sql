-- el2n_part: EL2N of each example of a block, as the shares of el2n_block
-- Grain: one row per (ensemble, block, evaluation) that a counted run has recorded with the signal
-- el2n.
-- Source: Paul 2021 s.2.
--
-- A building block, of el2n_block.

CREATE VIEW el2n_part AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    signal_block.block,
    signal_block.evaluation,
    signal_block.evaluation % 4 AS part,
    count(*)::INTEGER AS runs,
    rows_mean(array_agg(signal_block.value ORDER BY counted_run.run_id)) AS el2n,
    block.split
FROM counted_run
INNER JOIN signal_block ON counted_run.run_id = signal_block.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND signal_block.block = block.block
WHERE signal_block.signal = 'el2n'
GROUP BY
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    signal_block.block,
    signal_block.evaluation,
    block.split;

COMMENT ON VIEW el2n_part IS 'EL2N of each example of a block, in four shares.';
COMMENT ON COLUMN el2n_part.part IS 'Share of the evaluations, 0 to 3.';
COMMENT ON COLUMN el2n_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN el2n_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN el2n_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN el2n_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN el2n_part.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN el2n_part.runs IS 'Counted runs that have recorded the signal there.';
COMMENT ON COLUMN el2n_part.el2n IS
'Mean over the runs of the 2-norm of the error; one number an example.';
COMMENT ON COLUMN el2n_part.split IS 'Split of the block: train or test.';
