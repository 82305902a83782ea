-- probe_vote: the class that one layer's probe gives an example
-- Grain: one row per (run, example, evaluation, layer) probed, of every counted run.
-- Source: k-NN probes, Baldock 2021 s.2.1. Recorded where the ensemble was queued with
-- --probe-votes.
--
-- Never NULL. It has a row for each layer of each outcome: filter it.

CREATE VIEW probe_vote AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.run_id,
    counted_run.seed,
    block.split,
    (block.first_example + value.place - 1)::INTEGER AS example_id,
    (block.first_position + value.place - 1)::INTEGER AS position,
    probe_vote_block.evaluation,
    value.label,
    probe_vote_block.layer,
    probed_evaluation.layers[probe_vote_block.layer + 1] AS layer_name,
    value.predicted,
    coalesce(get_bit(run_block.held_out, value.place::INTEGER - 1) = 1, block.split <> 'train')
        AS held_out,
    probe_vote_block.block
FROM counted_run
INNER JOIN probed_evaluation ON counted_run.run_id = probed_evaluation.run_id
INNER JOIN probe_vote_block
    ON
        probed_evaluation.run_id = probe_vote_block.run_id
        AND probed_evaluation.evaluation = probe_vote_block.evaluation
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND probe_vote_block.block = block.block
CROSS JOIN
    LATERAL unnest(unslice(probe_vote_block.predicted), unslice(block.label))
    WITH ORDINALITY AS value (predicted, label, place)
LEFT JOIN run_block
    ON probe_vote_block.run_id = run_block.run_id AND probe_vote_block.block = run_block.block;

COMMENT ON VIEW probe_vote IS
'The class that the k-NN probe of each layer gives each example in each run.';
COMMENT ON COLUMN probe_vote.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN probe_vote.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN probe_vote.run_id IS 'Id of the run.';
COMMENT ON COLUMN probe_vote.seed IS 'Seed of the run.';
COMMENT ON COLUMN probe_vote.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN probe_vote.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN probe_vote.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN probe_vote.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN probe_vote.label IS 'Index of the labelled class.';
COMMENT ON COLUMN probe_vote.layer IS 'Number of the probe, 0 at the input.';
COMMENT ON COLUMN probe_vote.layer_name IS
'What the probe looks at: input, a block of the network, softmax.';
COMMENT ON COLUMN probe_vote.predicted IS 'Index of the class of most of the 30 nearest examples.';
COMMENT ON COLUMN probe_vote.held_out IS 'Did the run not train on the example?';
COMMENT ON COLUMN probe_vote.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
