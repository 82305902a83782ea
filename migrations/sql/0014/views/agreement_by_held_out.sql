-- agreement_by_held_out: agreement of the runs that trained on each example, and of the others
-- Grain: one row per (ensemble, example, evaluation, held out or not) for which the predicted class
-- of a run that trained on the example (held_out false) or held it out (true) is known.
-- Source: as agreement; apart as Baldock 2021 s.4 takes prediction depths apart.
--
-- Examples of splits other than train are held out by all runs; those of train by the runs that did
-- not train on them (--split 90:10, --split parts:K), by none where all train on everything.
-- It needs no labels. Never NULL.

CREATE VIEW agreement_by_held_out AS
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
    expanded.agreeing AS runs_agreeing,
    expanded.agreeing::DOUBLE PRECISION / expanded.runs AS agreement,
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
        unnest(unslice(told.agreeing)) AS agreeing,
        unnest(unslice(block.label)) AS label
    FROM (
        SELECT
            agreement_held_out_part.ensemble,
            agreement_held_out_part.ensemble_id,
            agreement_held_out_part.dataset_id,
            agreement_held_out_part.split,
            agreement_held_out_part.block,
            agreement_held_out_part.evaluation,
            agreement_held_out_part.held_out,
            agreement_held_out_part.runs,
            agreement_held_out_part.agreeing
        FROM agreement_held_out_part
        WHERE agreement_held_out_part.part = 0
        UNION ALL
        SELECT
            agreement_held_out_part.ensemble,
            agreement_held_out_part.ensemble_id,
            agreement_held_out_part.dataset_id,
            agreement_held_out_part.split,
            agreement_held_out_part.block,
            agreement_held_out_part.evaluation,
            agreement_held_out_part.held_out,
            agreement_held_out_part.runs,
            agreement_held_out_part.agreeing
        FROM agreement_held_out_part
        WHERE agreement_held_out_part.part = 1
        UNION ALL
        SELECT
            agreement_held_out_part.ensemble,
            agreement_held_out_part.ensemble_id,
            agreement_held_out_part.dataset_id,
            agreement_held_out_part.split,
            agreement_held_out_part.block,
            agreement_held_out_part.evaluation,
            agreement_held_out_part.held_out,
            agreement_held_out_part.runs,
            agreement_held_out_part.agreeing
        FROM agreement_held_out_part
        WHERE agreement_held_out_part.part = 2
        UNION ALL
        SELECT
            agreement_held_out_part.ensemble,
            agreement_held_out_part.ensemble_id,
            agreement_held_out_part.dataset_id,
            agreement_held_out_part.split,
            agreement_held_out_part.block,
            agreement_held_out_part.evaluation,
            agreement_held_out_part.held_out,
            agreement_held_out_part.runs,
            agreement_held_out_part.agreeing
        FROM agreement_held_out_part
        WHERE agreement_held_out_part.part = 3
    ) AS told
    INNER JOIN block ON told.dataset_id = block.dataset_id AND told.block = block.block
) AS expanded
WHERE expanded.runs > 0;

COMMENT ON VIEW agreement_by_held_out IS
'Agreement of the runs that trained on each example, and of those that held it out.';
COMMENT ON COLUMN agreement_by_held_out.runs IS
'Those runs with a known predicted class at the evaluation.';
COMMENT ON COLUMN agreement_by_held_out.runs_agreeing IS
'The most of them that predict one class.';
COMMENT ON COLUMN agreement_by_held_out.agreement IS 'runs_agreeing / runs, from 1 / runs to 1.';
COMMENT ON COLUMN agreement_by_held_out.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN agreement_by_held_out.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN agreement_by_held_out.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN agreement_by_held_out.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN agreement_by_held_out.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN agreement_by_held_out.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN agreement_by_held_out.label IS 'Index of the labelled class.';
COMMENT ON COLUMN agreement_by_held_out.held_out IS
'Of the runs that held the example out, or of those that trained on it?';
COMMENT ON COLUMN agreement_by_held_out.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
