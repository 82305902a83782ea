-- data_map: how sure of its label, how steady and how right an ensemble is about each example
-- Grain: one row per (ensemble, example) of which a counted run has summarised the confidence.
-- Source: confidence, variability and correctness, Swayamdipta 2020 s.2: mean and population
-- standard deviation over the evaluations of the probability of the label, and the share of the
-- evaluations that are right. That paper has one run; here each is the mean over the runs.
--
-- The runs are those with a summary, so that the three are of the same runs. While they train,
-- confidence and variability may be a minute behind correctness. Runs that held the example out
-- count like the others: signal_by_held_out tells them apart.
-- NULL: confidence and variability where a run's is not a number (NaN).

CREATE VIEW data_map AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.runs,
    nullif(expanded.confidence, 'NaN') AS confidence,
    nullif(expanded.variability, 'NaN') AS variability,
    expanded.correctness,
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
        unnest(signal_mean_block.mean) AS confidence,
        unnest(signal_mean_block.deviation) AS variability,
        unnest(hit.correctness) AS correctness,
        unnest(unslice(block.label)) AS label
    FROM signal_mean_block
    -- Asked for block by block: a join would be free to make all of it for each block.
    CROSS JOIN
        LATERAL (
            SELECT correctness_block.correctness
            FROM correctness_block
            WHERE
                correctness_block.ensemble = signal_mean_block.ensemble
                AND correctness_block.ensemble_id = signal_mean_block.ensemble_id
                AND correctness_block.block = signal_mean_block.block
                AND correctness_block.split = signal_mean_block.split
        ) AS hit
    INNER JOIN block
        ON
            signal_mean_block.dataset_id = block.dataset_id
            AND signal_mean_block.block = block.block
    WHERE signal_mean_block.signal = 'confidence'
) AS expanded;

COMMENT ON VIEW data_map IS
'Data map of each example: confidence, variability and correctness (Swayamdipta 2020).';
COMMENT ON COLUMN data_map.runs IS 'Counted runs that have summarised the confidence.';
COMMENT ON COLUMN data_map.confidence IS
'Mean over runs of the mean over evaluations of the probability of the label.';
COMMENT ON COLUMN data_map.variability IS
'Mean over runs of its population standard deviation over the evaluations.';
COMMENT ON COLUMN data_map.correctness IS
'Mean over runs of the share of the evaluations that are right.';
COMMENT ON COLUMN data_map.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN data_map.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN data_map.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN data_map.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN data_map.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN data_map.label IS 'Index of the labelled class.';
COMMENT ON COLUMN data_map.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
