-- el2n: how far an ensemble is from the label of each example at one evaluation
-- Grain: one row per (ensemble, example, evaluation) of which a counted run has recorded el2n.
-- Source: EL2N, Paul 2021 s.2: the mean over runs of the 2-norm of softmax minus one-hot label.
-- Recorded where the ensemble was queued with --record el2n; of all evaluations, filter one.
--
-- Runs that held the example out count like the others: el2n_by_held_out tells them apart.
-- NULL: el2n where a run's is not a number (NaN).

CREATE VIEW el2n AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.evaluation,
    expanded.runs,
    nullif(expanded.el2n, 'NaN') AS el2n,
    expanded.block
FROM (
    SELECT
        el2n_block.ensemble,
        el2n_block.ensemble_id,
        el2n_block.evaluation,
        el2n_block.runs,
        el2n_block.split,
        el2n_block.block,
        block.first_example,
        block.first_position,
        generate_series(0, block.size - 1) AS slot,
        unnest(el2n_block.el2n) AS el2n,
        unnest(unslice(block.label)) AS label
    FROM el2n_block
    INNER JOIN block
        ON el2n_block.dataset_id = block.dataset_id AND el2n_block.block = block.block
) AS expanded;

COMMENT ON VIEW el2n IS
'EL2N of each example at each evaluation that has recorded it (Paul 2021).';
COMMENT ON COLUMN el2n.runs IS 'Counted runs that have recorded el2n at the evaluation.';
COMMENT ON COLUMN el2n.el2n IS 'Mean over runs of the 2-norm of softmax minus one-hot label.';
COMMENT ON COLUMN el2n.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN el2n.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN el2n.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN el2n.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN el2n.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN el2n.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN el2n.label IS 'Index of the labelled class.';
COMMENT ON COLUMN el2n.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
