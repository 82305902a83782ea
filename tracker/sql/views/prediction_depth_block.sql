-- prediction_depth_block: prediction depths of a block of examples, added up over the runs
-- Grain: one row per (ensemble, block) of which a counted run has a probed evaluation.
-- Source: mean prediction depth in the train and the validation split, Baldock 2021 s.4.
--
-- A building block (slices: see bitslice_count): runs and sums of which prediction_depth gives the
-- means.

CREATE VIEW prediction_depth_block AS
SELECT
    final_depth_block.ensemble,
    final_depth_block.ensemble_id,
    final_depth_block.dataset_id,
    final_depth_block.block,
    max(final_depth_block.layers) AS layers,
    bitslice_sum(final_depth_block.defined & ~final_depth_block.held_out) AS runs_trained_on,
    bitslice_sum(bitslice_mask(final_depth_block.depth, ~final_depth_block.held_out))
        AS depth_trained_on,
    bitslice_sum(final_depth_block.defined & final_depth_block.held_out) AS runs_held_out,
    bitslice_sum(bitslice_mask(final_depth_block.depth, final_depth_block.held_out))
        AS depth_held_out,
    bitslice_sum(~final_depth_block.defined) AS runs_without,
    final_depth_block.split
FROM final_depth_block
GROUP BY
    final_depth_block.ensemble,
    final_depth_block.ensemble_id,
    final_depth_block.dataset_id,
    final_depth_block.block,
    final_depth_block.split;

COMMENT ON VIEW prediction_depth_block IS
'Sums of prediction depths over the runs that trained on each example and over the others.';
COMMENT ON COLUMN prediction_depth_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN prediction_depth_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN prediction_depth_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN prediction_depth_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN prediction_depth_block.layers IS 'Number of probes; depths are below it.';
COMMENT ON COLUMN prediction_depth_block.runs_trained_on IS
'Slices: probed runs that trained on the example and have a depth for it.';
COMMENT ON COLUMN prediction_depth_block.depth_trained_on IS 'Slices: their depths added up.';
COMMENT ON COLUMN prediction_depth_block.runs_held_out IS
'Slices: probed runs that held the example out and have a depth for it.';
COMMENT ON COLUMN prediction_depth_block.depth_held_out IS 'Slices: their depths added up.';
COMMENT ON COLUMN prediction_depth_block.runs_without IS
'Slices: probed runs that have no depth for the example.';
COMMENT ON COLUMN prediction_depth_block.split IS 'Split of the block: train or test.';
