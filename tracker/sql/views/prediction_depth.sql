-- prediction_depth: in which layer an ensemble's predictions of each example are made
-- Grain: one row per (ensemble, example) of which a counted run has a probed evaluation.
-- Source: prediction depth, Baldock 2021 s.2.1: the first layer from which on all k-NN probes agree
-- with the network; its mean over the runs that had the example in their train, and over those that
-- had it in their validation split, s.4.
--
-- Of each run's last probed evaluation. A run in which the last probe disagrees with the network
-- has no depth for the example and is left out (A.6.1): runs_without counts them.
-- NULL: a mean over no runs. Without --split, runs trained on all of train and held out the rest.

CREATE VIEW prediction_depth AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.layers,
    expanded.runs_trained_on,
    expanded.depth_trained_on::DOUBLE PRECISION / nullif(expanded.runs_trained_on, 0)
        AS depth_trained_on,
    expanded.runs_held_out,
    expanded.depth_held_out::DOUBLE PRECISION / nullif(expanded.runs_held_out, 0)
        AS depth_held_out,
    expanded.runs_without,
    expanded.block
FROM (
    SELECT
        prediction_depth_block.ensemble,
        prediction_depth_block.ensemble_id,
        prediction_depth_block.layers,
        prediction_depth_block.split,
        prediction_depth_block.block,
        block.first_example,
        block.first_position,
        generate_series(0, block.size - 1) AS slot,
        unnest(unslice(block.label)) AS label,
        unnest(unslice(prediction_depth_block.runs_trained_on)) AS runs_trained_on,
        unnest(unslice(prediction_depth_block.depth_trained_on)) AS depth_trained_on,
        unnest(unslice(prediction_depth_block.runs_held_out)) AS runs_held_out,
        unnest(unslice(prediction_depth_block.depth_held_out)) AS depth_held_out,
        unnest(unslice(prediction_depth_block.runs_without)) AS runs_without
    FROM prediction_depth_block
    INNER JOIN block
        ON
            prediction_depth_block.dataset_id = block.dataset_id
            AND prediction_depth_block.block = block.block
) AS expanded;

COMMENT ON VIEW prediction_depth IS
'Mean prediction depth of each example, over the runs that trained on it and over the others.';
COMMENT ON COLUMN prediction_depth.layers IS
'Number of probes: a depth is from 0, the input, to layers - 1, the softmax.';
COMMENT ON COLUMN prediction_depth.runs_trained_on IS
'Probed runs that trained on the example and have a depth for it.';
COMMENT ON COLUMN prediction_depth.depth_trained_on IS 'Mean prediction depth over them.';
COMMENT ON COLUMN prediction_depth.runs_held_out IS
'Probed runs that held the example out and have a depth for it.';
COMMENT ON COLUMN prediction_depth.depth_held_out IS 'Mean prediction depth over them.';
COMMENT ON COLUMN prediction_depth.runs_without IS
'Probed runs without a depth for it: the probe after the softmax disagrees with the network.';
COMMENT ON COLUMN prediction_depth.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN prediction_depth.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN prediction_depth.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN prediction_depth.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN prediction_depth.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN prediction_depth.label IS 'Index of the labelled class.';
COMMENT ON COLUMN prediction_depth.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
