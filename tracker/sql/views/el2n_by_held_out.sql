-- el2n_by_held_out: EL2N of the runs that trained on each example, and of the others
-- Grain: one row per (ensemble, example, evaluation, held out or not) for which a run that trained
-- on the example (held_out false) or held it out (true) has recorded el2n.
-- Source: as el2n; apart as Baldock 2021 s.4 takes prediction depths apart.
--
-- Examples of splits other than train are held out by all runs; those of train by the runs that did
-- not train on them (--split 90:10, --split parts:K), by none where all train on everything.
-- Filter one evaluation: of all of them it adds up every number.
-- NULL: el2n where a run's is not a number (NaN).

CREATE VIEW el2n_by_held_out AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.evaluation,
    expanded.held_out,
    expanded.runs,
    nullif(expanded.el2n, 'NaN') AS el2n,
    expanded.block
FROM (
    SELECT
        told.ensemble,
        told.ensemble_id,
        told.split,
        told.block,
        told.evaluation,
        told.held_out,
        block.first_example,
        block.first_position,
        generate_series(0, block.size - 1) AS slot,
        unnest(unslice(told.runs)) AS runs,
        unnest(told.el2n) AS el2n,
        unnest(unslice(block.label)) AS label
    FROM (
        SELECT
            el2n_held_out_part.ensemble,
            el2n_held_out_part.ensemble_id,
            el2n_held_out_part.dataset_id,
            el2n_held_out_part.split,
            el2n_held_out_part.block,
            el2n_held_out_part.evaluation,
            el2n_held_out_part.held_out,
            el2n_held_out_part.runs,
            el2n_held_out_part.el2n
        FROM el2n_held_out_part
        WHERE el2n_held_out_part.part = 0
        UNION ALL
        SELECT
            el2n_held_out_part.ensemble,
            el2n_held_out_part.ensemble_id,
            el2n_held_out_part.dataset_id,
            el2n_held_out_part.split,
            el2n_held_out_part.block,
            el2n_held_out_part.evaluation,
            el2n_held_out_part.held_out,
            el2n_held_out_part.runs,
            el2n_held_out_part.el2n
        FROM el2n_held_out_part
        WHERE el2n_held_out_part.part = 1
        UNION ALL
        SELECT
            el2n_held_out_part.ensemble,
            el2n_held_out_part.ensemble_id,
            el2n_held_out_part.dataset_id,
            el2n_held_out_part.split,
            el2n_held_out_part.block,
            el2n_held_out_part.evaluation,
            el2n_held_out_part.held_out,
            el2n_held_out_part.runs,
            el2n_held_out_part.el2n
        FROM el2n_held_out_part
        WHERE el2n_held_out_part.part = 2
        UNION ALL
        SELECT
            el2n_held_out_part.ensemble,
            el2n_held_out_part.ensemble_id,
            el2n_held_out_part.dataset_id,
            el2n_held_out_part.split,
            el2n_held_out_part.block,
            el2n_held_out_part.evaluation,
            el2n_held_out_part.held_out,
            el2n_held_out_part.runs,
            el2n_held_out_part.el2n
        FROM el2n_held_out_part
        WHERE el2n_held_out_part.part = 3
    ) AS told
    INNER JOIN block ON told.dataset_id = block.dataset_id AND told.block = block.block
) AS expanded
WHERE expanded.runs > 0;

COMMENT ON VIEW el2n_by_held_out IS
'EL2N of the runs that trained on each example, and of those that held it out (Paul 2021).';
COMMENT ON COLUMN el2n_by_held_out.runs IS
'Those runs that have recorded el2n at the evaluation.';
COMMENT ON COLUMN el2n_by_held_out.el2n IS
'Mean over them of the 2-norm of softmax minus one-hot label.';
COMMENT ON COLUMN el2n_by_held_out.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN el2n_by_held_out.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN el2n_by_held_out.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN el2n_by_held_out.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN el2n_by_held_out.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN el2n_by_held_out.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN el2n_by_held_out.label IS 'Index of the labelled class.';
COMMENT ON COLUMN el2n_by_held_out.held_out IS
'Of the runs that held the example out, or of those that trained on it?';
COMMENT ON COLUMN el2n_by_held_out.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
