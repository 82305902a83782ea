-- agreement: the largest share of runs that predict the same class of an example
-- Grain: one row per (ensemble, example, evaluation) for which predicted classes are known.
-- Source: a^e(x), Hacohen 2020 s.2 and s.3.4 (the "consensus score" of Hacohen 2019).
--
-- It needs no labels: the one score for examples whose labels are unknown. Runs that held the
-- example out count like the others: agreement_by_held_out tells them apart. Never NULL.

CREATE VIEW agreement AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.evaluation,
    expanded.runs,
    expanded.agreeing AS runs_agreeing,
    expanded.agreeing::DOUBLE PRECISION / expanded.runs AS agreement,
    expanded.block
FROM (
    SELECT
        agreement_block.ensemble,
        agreement_block.ensemble_id,
        agreement_block.split,
        agreement_block.block,
        block.first_example,
        block.first_position,
        agreement_block.evaluation,
        agreement_block.runs,
        generate_series(0, block.size - 1) AS slot,
        unnest(unslice(agreement_block.agreeing)) AS agreeing,
        unnest(unslice(block.label)) AS label
    FROM agreement_block
    INNER JOIN block
        ON agreement_block.dataset_id = block.dataset_id AND agreement_block.block = block.block
) AS expanded;

COMMENT ON VIEW agreement IS
'Largest share of runs that predict the same class of each example (Hacohen 2020 s.2).';
COMMENT ON COLUMN agreement.runs IS
'Counted runs that have recorded the evaluation, with predicted classes.';
COMMENT ON COLUMN agreement.runs_agreeing IS 'Runs that predict the most frequent class.';
COMMENT ON COLUMN agreement.agreement IS 'runs_agreeing / runs, above 0, at most 1.';
COMMENT ON COLUMN agreement.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN agreement.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN agreement.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN agreement.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN agreement.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN agreement.label IS 'Index of the labelled class.';
COMMENT ON COLUMN agreement.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN agreement.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
