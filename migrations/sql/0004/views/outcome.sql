-- outcome: what one run said of one example at one evaluation
-- Grain: one row per (run, example, evaluation) recorded, of every run, failed ones too.
-- Source: correct is [pred = y], Hacohen 2020 s.2.
--
-- NULL: predicted where only right and wrong are known (some imported ensembles).
-- It has as many rows as there are outcomes: filter on ensemble and example, or ask one of the
-- other views, which answer without expanding the bitmaps.

CREATE VIEW outcome AS
SELECT
    ensemble.name AS ensemble,
    ensemble.id AS ensemble_id,
    run.id AS run_id,
    run.seed,
    example.split,
    example.example_id,
    example.position,
    outcome_block.evaluation,
    example.label,
    get_bit(outcome_block.correct, example.slot) = 1 AS correct,
    bitslice_value(outcome_block.predicted, example.slot) AS predicted,
    coalesce(get_bit(run_block.held_out, example.slot) = 1, example.split <> 'train') AS held_out
FROM ensemble
INNER JOIN run ON ensemble.id = run.ensemble_id
INNER JOIN outcome_block ON run.id = outcome_block.run_id
INNER JOIN example
    ON
        ensemble.dataset_id = example.dataset_id
        -- Equality, written so that it cannot be hashed: a hash of blocks costs twice the time of
        -- looking a block up once for all its examples.
        AND outcome_block.block BETWEEN example.block AND example.block
LEFT JOIN run_block
    ON outcome_block.run_id = run_block.run_id AND outcome_block.block = run_block.block;

COMMENT ON VIEW outcome IS
'What each run said of each example at each evaluation; filter it, it has a row per outcome.';
COMMENT ON COLUMN outcome.evaluation IS 'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN outcome.correct IS 'Was the predicted class the label?';
COMMENT ON COLUMN outcome.predicted IS
'Index of the predicted class; NULL where only right and wrong are known.';
COMMENT ON COLUMN outcome.held_out IS 'Did the run not train on the example?';
COMMENT ON COLUMN outcome.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN outcome.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN outcome.run_id IS 'Id of the run.';
COMMENT ON COLUMN outcome.seed IS 'Seed of the run.';
COMMENT ON COLUMN outcome.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN outcome.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN outcome.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN outcome.label IS 'Index of the labelled class.';
