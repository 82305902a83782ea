-- run_side: which examples of each block a run trained on, and which it held out
-- Grain: one row per (counted run, block, held out or not) of which the run has such examples, or
-- may have.
--
-- A building block: of views with one row for the runs that trained on an example and one for those
-- that held it out.
-- NULL: members where all examples of the block are such.

CREATE VIEW run_side AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    counted_run.run_id,
    block.block,
    side.held_out,
    side.members,
    block.split
FROM counted_run
INNER JOIN block ON counted_run.dataset_id = block.dataset_id
LEFT JOIN run_block
    ON counted_run.run_id = run_block.run_id AND block.block = run_block.block
CROSS JOIN
    LATERAL (
        VALUES
        (FALSE, ~run_block.held_out),
        (TRUE, run_block.held_out)
    ) AS side (held_out, members)
WHERE run_block.held_out IS NOT NULL OR side.held_out = (block.split <> 'train');

COMMENT ON VIEW run_side IS
'Which examples of each block a run trained on, and which it held out, as bitmaps.';
COMMENT ON COLUMN run_side.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_side.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_side.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN run_side.run_id IS 'Id of the run.';
COMMENT ON COLUMN run_side.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN run_side.held_out IS 'The examples that it held out, or those it trained on?';
COMMENT ON COLUMN run_side.members IS 'Bitmap: those examples; NULL for all of the block.';
COMMENT ON COLUMN run_side.split IS 'Split of the block: train or test.';
