-- final_block: what each run says in the end of a block of examples, and which it held out
-- Grain: one row per (run, block) with at least one recorded evaluation.
--
-- A building block. A run's end is its last recorded evaluation, so that running ensembles answer.
-- `held_out` says which examples a run did not train on: those that the table run_block names, or,
-- of a run without a row there, all of the splits other than train.
--
-- NULL: predicted where only right and wrong are known.

CREATE VIEW final_block AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    counted_run.run_id,
    counted_run.seed,
    outcome_block.block,
    outcome_block.evaluation,
    outcome_block.correct,
    outcome_block.predicted,
    outcome_block.correct | ~outcome_block.correct AS everyone,
    CASE
        WHEN run_block.held_out IS NOT NULL THEN run_block.held_out
        WHEN block.split = 'train' THEN outcome_block.correct & ~outcome_block.correct
        ELSE outcome_block.correct | ~outcome_block.correct
    END AS held_out,
    block.split
FROM counted_run
CROSS JOIN
    LATERAL (
        SELECT max(evaluation.evaluation) AS evaluation
        FROM evaluation
        WHERE evaluation.run_id = counted_run.run_id
    ) AS latest
INNER JOIN outcome_block
    ON
        counted_run.run_id = outcome_block.run_id
        AND latest.evaluation = outcome_block.evaluation
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
LEFT JOIN run_block
    ON outcome_block.run_id = run_block.run_id AND outcome_block.block = run_block.block;

COMMENT ON VIEW final_block IS
'What each run says of a block of examples at its last recorded evaluation, as bitmaps.';
COMMENT ON COLUMN final_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN final_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN final_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN final_block.run_id IS 'Id of the run.';
COMMENT ON COLUMN final_block.seed IS 'Seed of the run.';
COMMENT ON COLUMN final_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN final_block.evaluation IS 'The last evaluation that the run has recorded.';
COMMENT ON COLUMN final_block.correct IS 'Bitmap: right there.';
COMMENT ON COLUMN final_block.predicted IS
'Predicted class as bit planes; NULL where only right and wrong are known.';
COMMENT ON COLUMN final_block.everyone IS 'Bitmap: all examples.';
COMMENT ON COLUMN final_block.held_out IS 'Bitmap: the examples that the run did not train on.';
COMMENT ON COLUMN final_block.split IS 'Split of the block: train or test.';
