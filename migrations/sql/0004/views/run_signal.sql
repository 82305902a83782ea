-- run_signal: mean and deviation of each signal over the evaluations of one run
-- Grain: one row per (run, example, signal) summarised, of every counted run.
-- Source: of confidence, the data map's confidence and variability (Swayamdipta 2020); the mean
-- margin is AUM (Pleiss 2020).
--
-- Never NULL; a run has no rows before its first summary, about a minute into its training, and
-- its summaries may be as much behind what it has recorded: `evaluations` says how many they cover.

CREATE VIEW run_signal AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.run_id,
    counted_run.seed,
    block.split,
    (block.first_example + value.place - 1)::INTEGER AS example_id,
    (block.first_position + value.place - 1)::INTEGER AS position,
    value.label,
    signal_summary.signal,
    signal_summary.evaluations,
    value.mean,
    value.deviation,
    coalesce(get_bit(run_block.held_out, value.place::INTEGER - 1) = 1, block.split <> 'train')
        AS held_out
FROM counted_run
INNER JOIN signal_summary ON counted_run.run_id = signal_summary.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND signal_summary.block = block.block
CROSS JOIN
    LATERAL unnest(signal_summary.mean, signal_summary.deviation, unslice(block.label))
    WITH ORDINALITY AS value (mean, deviation, label, place)
LEFT JOIN run_block
    ON signal_summary.run_id = run_block.run_id AND signal_summary.block = run_block.block;

COMMENT ON VIEW run_signal IS
'Mean and deviation of each signal over a run''s evaluations: data maps and AUM of single runs.';
COMMENT ON COLUMN run_signal.signal IS
'confidence and margin in every run; what --record asked for besides.';
COMMENT ON COLUMN run_signal.evaluations IS 'Evaluations covered.';
COMMENT ON COLUMN run_signal.mean IS 'Mean over them; of the margin, the AUM of Pleiss 2020.';
COMMENT ON COLUMN run_signal.deviation IS
'Population standard deviation; of the confidence, the variability of Swayamdipta 2020.';
COMMENT ON COLUMN run_signal.held_out IS 'Did the run not train on the example?';
COMMENT ON COLUMN run_signal.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_signal.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_signal.run_id IS 'Id of the run.';
COMMENT ON COLUMN run_signal.seed IS 'Seed of the run.';
COMMENT ON COLUMN run_signal.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN run_signal.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN run_signal.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN run_signal.label IS 'Index of the labelled class.';
