-- run_signal: mean and deviation of each signal over the evaluations of one run
-- Grain: one row per (run, example, signal) summarised, of every counted run.
-- Source: of confidence, the data map's confidence and variability (Swayamdipta 2020); the mean
-- margin is AUM (Pleiss 2020).
--
-- Never NULL; a run has no rows before its first summary, about a minute into its training, and
-- its summaries may be as much behind what it has recorded: `evaluations` says how many they cover.

CREATE VIEW run_signal AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.run_id,
    expanded.seed,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.signal,
    expanded.evaluations,
    expanded.mean,
    expanded.deviation,
    coalesce(get_bit(expanded.held_out, expanded.slot) = 1, expanded.split <> 'train') AS held_out,
    expanded.block
FROM (
    SELECT
        counted_run.ensemble,
        counted_run.ensemble_id,
        counted_run.run_id,
        counted_run.seed,
        block.split,
        signal_summary.block,
        block.first_example,
        block.first_position,
        signal_summary.signal,
        signal_summary.evaluations,
        run_block.held_out,
        generate_series(0, block.size - 1) AS slot,
        unnest(unslice(block.label)) AS label,
        unnest(signal_summary.mean) AS mean,
        unnest(signal_summary.deviation) AS deviation
    FROM counted_run
    INNER JOIN signal_summary ON counted_run.run_id = signal_summary.run_id
    INNER JOIN block
        ON counted_run.dataset_id = block.dataset_id AND signal_summary.block = block.block
    LEFT JOIN run_block
        ON
            signal_summary.run_id = run_block.run_id
            AND signal_summary.block = run_block.block
) AS expanded;

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
COMMENT ON COLUMN run_signal.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
