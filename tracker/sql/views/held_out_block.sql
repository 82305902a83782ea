-- held_out_block: how many runs of an ensemble held out each example of a block
-- Grain: one row per (ensemble, block) with at least one recorded evaluation.
--
-- A building block (slices: see bitslice_count), of the counted runs that have recorded one.
-- NULL: runs_held_out where no such run has a bitmap of what it held out (run_block): all of them
-- trained on the block, if it is of the split train, or none did.

CREATE VIEW held_out_block AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.dataset_id,
    block.block,
    count(*)::INTEGER AS runs,
    nullif(
        bitslice_sum(run_block.held_out) FILTER (WHERE run_block.held_out IS NOT NULL), '{}'
    ) AS runs_held_out,
    block.split
FROM counted_run
INNER JOIN block ON counted_run.dataset_id = block.dataset_id
LEFT JOIN run_block
    ON counted_run.run_id = run_block.run_id AND block.block = run_block.block
WHERE EXISTS (SELECT FROM evaluation WHERE evaluation.run_id = counted_run.run_id)
GROUP BY
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.dataset_id,
    block.block,
    block.split;

COMMENT ON VIEW held_out_block IS 'Runs that held out each example of a block, as bit slices.';
COMMENT ON COLUMN held_out_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN held_out_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN held_out_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN held_out_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN held_out_block.runs IS 'Counted runs with at least one recorded evaluation.';
COMMENT ON COLUMN held_out_block.runs_held_out IS
'Slices of the number of those that held the example out.';
COMMENT ON COLUMN held_out_block.split IS 'Split of the block: train or test.';
