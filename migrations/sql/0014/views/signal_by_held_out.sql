-- signal_by_held_out: data map and AUM of the runs that trained on each example, and of the others
-- Grain: one row per (ensemble, example, signal, held out or not) that a run that trained on the
-- example (held_out false) or held it out (true) has summarised.
-- Source: of confidence, mean and deviation are the data map's confidence and variability
-- (Swayamdipta 2020); of margin, mean is AUM (Pleiss 2020); apart as Baldock 2021 s.4 takes
-- prediction depths apart.
--
-- Examples of splits other than train are held out by all runs; those of train by the runs that did
-- not train on them (--split 90:10, --split parts:K), by none where all train on everything.
-- The data map's correctness is, of a complete ensemble, accessibility: see learning_by_held_out.
-- NULL: mean and deviation where a run's is not a number (NaN).

CREATE VIEW signal_by_held_out AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.signal,
    expanded.held_out,
    expanded.runs,
    nullif(expanded.mean, 'NaN') AS mean,
    nullif(expanded.deviation, 'NaN') AS deviation,
    expanded.block
FROM (
    SELECT
        told.ensemble,
        told.ensemble_id,
        told.split,
        told.block,
        told.signal,
        told.held_out,
        block.first_example,
        block.first_position,
        generate_series(0, block.size - 1) AS slot,
        unnest(unslice(told.runs)) AS runs,
        unnest(told.mean) AS mean,
        unnest(told.deviation) AS deviation,
        unnest(unslice(block.label)) AS label
    FROM (
        SELECT
            signal_held_out_part.ensemble,
            signal_held_out_part.ensemble_id,
            signal_held_out_part.dataset_id,
            signal_held_out_part.split,
            signal_held_out_part.block,
            signal_held_out_part.signal,
            signal_held_out_part.held_out,
            signal_held_out_part.runs,
            signal_held_out_part.mean,
            signal_held_out_part.deviation
        FROM signal_held_out_part
        WHERE signal_held_out_part.part = 0
        UNION ALL
        SELECT
            signal_held_out_part.ensemble,
            signal_held_out_part.ensemble_id,
            signal_held_out_part.dataset_id,
            signal_held_out_part.split,
            signal_held_out_part.block,
            signal_held_out_part.signal,
            signal_held_out_part.held_out,
            signal_held_out_part.runs,
            signal_held_out_part.mean,
            signal_held_out_part.deviation
        FROM signal_held_out_part
        WHERE signal_held_out_part.part = 1
        UNION ALL
        SELECT
            signal_held_out_part.ensemble,
            signal_held_out_part.ensemble_id,
            signal_held_out_part.dataset_id,
            signal_held_out_part.split,
            signal_held_out_part.block,
            signal_held_out_part.signal,
            signal_held_out_part.held_out,
            signal_held_out_part.runs,
            signal_held_out_part.mean,
            signal_held_out_part.deviation
        FROM signal_held_out_part
        WHERE signal_held_out_part.part = 2
        UNION ALL
        SELECT
            signal_held_out_part.ensemble,
            signal_held_out_part.ensemble_id,
            signal_held_out_part.dataset_id,
            signal_held_out_part.split,
            signal_held_out_part.block,
            signal_held_out_part.signal,
            signal_held_out_part.held_out,
            signal_held_out_part.runs,
            signal_held_out_part.mean,
            signal_held_out_part.deviation
        FROM signal_held_out_part
        WHERE signal_held_out_part.part = 3
    ) AS told
    INNER JOIN block ON told.dataset_id = block.dataset_id AND told.block = block.block
) AS expanded
WHERE expanded.runs > 0;

COMMENT ON VIEW signal_by_held_out IS
'Each summarised signal of the runs that trained on each example, and of those that held it out.';
COMMENT ON COLUMN signal_by_held_out.signal IS 'confidence, margin, loss or el2n.';
COMMENT ON COLUMN signal_by_held_out.runs IS 'Those runs that have summarised it.';
COMMENT ON COLUMN signal_by_held_out.mean IS 'Mean over them of the mean over evaluations.';
COMMENT ON COLUMN signal_by_held_out.deviation IS
'Mean over them of the population standard deviation over evaluations.';
COMMENT ON COLUMN signal_by_held_out.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN signal_by_held_out.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN signal_by_held_out.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN signal_by_held_out.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN signal_by_held_out.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN signal_by_held_out.label IS 'Index of the labelled class.';
COMMENT ON COLUMN signal_by_held_out.held_out IS
'Of the runs that held the example out, or of those that trained on it?';
COMMENT ON COLUMN signal_by_held_out.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
