-- signal: one real number that one run says of one example at one evaluation
-- Grain: one row per (run, example, evaluation, signal) recorded, of every run, failed ones too.
-- Source: confidence, Swayamdipta 2020; margin, Pleiss 2020 (AUM); el2n, Paul 2021; loss is the
-- cross-entropy; output_margin and input_margin, Baldock 2021 s.3.3. Recorded where the ensemble
-- was queued with --record, and the last two at the last evaluation where it was with --probe.
--
-- Never NULL; NaN where a number does not exist, as the margin of a single class. Meant for some
-- examples, one above all: it reads a block's numbers again for each of its examples, about 4
-- microseconds a row. For whole ensembles, run_signal has the means, and
--     unnest(signal_block.value) WITH ORDINALITY
-- expands blocks ten times as quickly.

CREATE VIEW signal AS
SELECT
    ensemble.name AS ensemble,
    ensemble.id AS ensemble_id,
    run.id AS run_id,
    run.seed,
    example.split,
    example.example_id,
    example.position,
    signal_block.evaluation,
    example.label,
    signal_block.signal,
    signal_block.value[example.slot + 1] AS value,
    coalesce(get_bit(run_block.held_out, example.slot) = 1, example.split <> 'train') AS held_out
FROM ensemble
INNER JOIN run ON ensemble.id = run.ensemble_id
INNER JOIN signal_block ON run.id = signal_block.run_id
INNER JOIN example
    ON ensemble.dataset_id = example.dataset_id AND signal_block.block = example.block
LEFT JOIN run_block
    ON signal_block.run_id = run_block.run_id AND signal_block.block = run_block.block;

COMMENT ON VIEW signal IS
'What --record asked for: a number per run, example, evaluation and signal; filter on examples.';
COMMENT ON COLUMN signal.signal IS
'confidence (softmax of the label), margin (its logit minus the largest other), loss, el2n, '
'output_margin (largest minus second-largest logit), or input_margin, of the last evaluation.';
COMMENT ON COLUMN signal.value IS 'The number; NaN where there is none.';
COMMENT ON COLUMN signal.held_out IS 'Did the run not train on the example?';
COMMENT ON COLUMN signal.evaluation IS 'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN signal.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN signal.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN signal.run_id IS 'Id of the run.';
COMMENT ON COLUMN signal.seed IS 'Seed of the run.';
COMMENT ON COLUMN signal.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN signal.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN signal.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN signal.label IS 'Index of the labelled class.';
