-- aum: the area under the margin of each example
-- Grain: one row per (ensemble, example) of which a counted run has summarised the margin.
-- Source: AUM, Pleiss 2020 s.3: the mean over the evaluations of the logit of the label minus the
-- largest other logit. Of one run there; here the mean over the runs, with their deviation.
--
-- Low, above all below 0, is a sign of a wrong label. Runs that held the example out count like the
-- others: signal_by_held_out tells them apart.
-- NULL: aum and deviation where a run's margin is not a number (NaN), as with a single class.

CREATE VIEW aum AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.runs,
    nullif(expanded.aum, 'NaN') AS aum,
    nullif(expanded.deviation, 'NaN') AS deviation,
    expanded.block
FROM (
    SELECT
        signal_mean_block.ensemble,
        signal_mean_block.ensemble_id,
        signal_mean_block.runs,
        signal_mean_block.split,
        signal_mean_block.block,
        block.first_example,
        block.first_position,
        generate_series(0, block.size - 1) AS slot,
        unnest(signal_mean_block.mean) AS aum,
        unnest(rows_deviation(signal_mean_block.mean_by_run, signal_mean_block.mean)) AS deviation,
        unnest(unslice(block.label)) AS label
    FROM signal_mean_block
    INNER JOIN block
        ON
            signal_mean_block.dataset_id = block.dataset_id
            AND signal_mean_block.block = block.block
    WHERE signal_mean_block.signal = 'margin'
) AS expanded;

COMMENT ON VIEW aum IS
'Area under the margin of each example, mean over the runs (Pleiss 2020).';
COMMENT ON COLUMN aum.runs IS 'Counted runs that have summarised the margin.';
COMMENT ON COLUMN aum.aum IS
'Mean over runs of the mean over evaluations of the margin: the label''s logit minus the largest '
'other.';
COMMENT ON COLUMN aum.deviation IS
'Population standard deviation between the runs of their means over evaluations.';
COMMENT ON COLUMN aum.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN aum.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN aum.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN aum.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN aum.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN aum.label IS 'Index of the labelled class.';
COMMENT ON COLUMN aum.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
