-- run_held_out: which examples of each block a run held out
-- Grain: one row per (counted run, block).
--
-- A building block: of views that tell the runs that trained on an example from those that held it
-- out. Never NULL: a run without bitmaps (run_block) trained on the whole split train, and on
-- nothing else.

CREATE VIEW run_held_out AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    counted_run.run_id,
    block.block,
    coalesce(
        run_block.held_out,
        CASE
            WHEN block.split = 'train' THEN block.label[1] & ~block.label[1]
            ELSE block.label[1] | ~block.label[1]
        END
    ) AS held_out,
    block.split
FROM counted_run
INNER JOIN block ON counted_run.dataset_id = block.dataset_id
LEFT JOIN run_block
    ON counted_run.run_id = run_block.run_id AND block.block = run_block.block;

COMMENT ON VIEW run_held_out IS 'Which examples of each block a run held out, as a bitmap.';
COMMENT ON COLUMN run_held_out.held_out IS 'Bitmap: those examples.';
COMMENT ON COLUMN run_held_out.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_held_out.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_held_out.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN run_held_out.run_id IS 'Id of the run.';
COMMENT ON COLUMN run_held_out.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN run_held_out.split IS 'Split of the block: train or test.';
