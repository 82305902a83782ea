-- final_depth_block: how deep each run's last probed predictions of a block of examples are
-- Grain: one row per (run, block) of a counted run that has a probed evaluation.
-- Source: prediction depth, Baldock 2021 s.2.1.
--
-- A building block (slices: see bitslice_count), of the last evaluation that was probed, which is
-- the run's last one in the end. Never NULL.

CREATE VIEW final_depth_block AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    counted_run.run_id,
    counted_run.seed,
    depth_block.block,
    depth_block.evaluation,
    cardinality(probed_evaluation.layers) AS layers,
    depth_block.depth,
    ~depth_block.undefined AS defined,
    CASE
        WHEN run_block.held_out IS NOT NULL THEN run_block.held_out
        WHEN block.split = 'train' THEN depth_block.undefined & ~depth_block.undefined
        ELSE depth_block.undefined | ~depth_block.undefined
    END AS held_out,
    block.split
FROM counted_run
CROSS JOIN
    LATERAL (
        SELECT max(probed.evaluation) AS evaluation
        FROM probed_evaluation AS probed
        WHERE probed.run_id = counted_run.run_id
    ) AS latest
INNER JOIN probed_evaluation
    ON
        counted_run.run_id = probed_evaluation.run_id
        AND latest.evaluation = probed_evaluation.evaluation
INNER JOIN depth_block
    ON counted_run.run_id = depth_block.run_id AND latest.evaluation = depth_block.evaluation
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND depth_block.block = block.block
LEFT JOIN run_block
    ON depth_block.run_id = run_block.run_id AND depth_block.block = run_block.block;

COMMENT ON VIEW final_depth_block IS
'Prediction depths of each run and block at its last probed evaluation, as bit slices.';
COMMENT ON COLUMN final_depth_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN final_depth_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN final_depth_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN final_depth_block.run_id IS 'Id of the run.';
COMMENT ON COLUMN final_depth_block.seed IS 'Seed of the run.';
COMMENT ON COLUMN final_depth_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN final_depth_block.evaluation IS 'The last evaluation of the run that was probed.';
COMMENT ON COLUMN final_depth_block.layers IS 'Number of probes; depths are below it.';
COMMENT ON COLUMN final_depth_block.depth IS 'Slices: prediction depth; 0 where there is none.';
COMMENT ON COLUMN final_depth_block.defined IS 'Bitmap: has a prediction depth.';
COMMENT ON COLUMN final_depth_block.held_out IS
'Bitmap: the examples that the run did not train on.';
COMMENT ON COLUMN final_depth_block.split IS 'Split of the block: train or test.';
