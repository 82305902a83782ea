-- run_depth: at which layer one run's prediction of one example is made
-- Grain: one row per (run, example, evaluation) probed, of every counted run.
-- Source: prediction depth, Baldock 2021 s.2.1: the first layer from which on all k-NN probes
-- (k = 30) agree with the network's prediction. Recorded where the ensemble was queued with
-- --probe.
--
-- NULL: depth where the last probe, after the softmax, disagrees with the network (A.6.1).

CREATE VIEW run_depth AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.run_id,
    counted_run.seed,
    block.split,
    (block.first_example + value.place - 1)::INTEGER AS example_id,
    (block.first_position + value.place - 1)::INTEGER AS position,
    depth_block.evaluation,
    value.label,
    CASE WHEN value.undefined = 0 THEN value.depth END AS depth,
    cardinality(probed_evaluation.layers) AS layers,
    coalesce(get_bit(run_block.held_out, value.place::INTEGER - 1) = 1, block.split <> 'train')
        AS held_out,
    depth_block.block
FROM counted_run
INNER JOIN probed_evaluation ON counted_run.run_id = probed_evaluation.run_id
INNER JOIN depth_block
    ON
        probed_evaluation.run_id = depth_block.run_id
        AND probed_evaluation.evaluation = depth_block.evaluation
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND depth_block.block = block.block
CROSS JOIN
    LATERAL unnest(
        unslice(depth_block.depth), unslice(ARRAY[depth_block.undefined]), unslice(block.label)
    )
    WITH ORDINALITY AS value (depth, undefined, label, place)
LEFT JOIN run_block
    ON depth_block.run_id = run_block.run_id AND depth_block.block = run_block.block;

COMMENT ON VIEW run_depth IS
'Prediction depth of each example in each run: the layer from which on all probes agree.';
COMMENT ON COLUMN run_depth.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_depth.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_depth.run_id IS 'Id of the run.';
COMMENT ON COLUMN run_depth.seed IS 'Seed of the run.';
COMMENT ON COLUMN run_depth.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN run_depth.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN run_depth.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN run_depth.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN run_depth.label IS 'Index of the labelled class.';
COMMENT ON COLUMN run_depth.depth IS
'0 for the input, up to layers - 1 for the softmax; NULL where the last probe disagrees.';
COMMENT ON COLUMN run_depth.layers IS 'Number of probes.';
COMMENT ON COLUMN run_depth.held_out IS 'Did the run not train on the example?';
COMMENT ON COLUMN run_depth.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
