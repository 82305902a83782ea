-- block_history: what each bitmap becomes when it is read along one run's training
-- Grain: one row per (run, block, evaluation recorded).
-- Source: learned and first correct are suffixes and prefixes of the history (Hacohen 2020 s.3.1,
-- Hu 2022).
--
-- The building block of the views on learning and forgetting; bitmaps, one bit an example.
-- previous_evaluation is 0 before the first, next_evaluation NULL after the last; forgotten and
-- acquired are NULL at the first evaluation, which follows none.

CREATE VIEW block_history AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    counted_run.run_id,
    counted_run.seed,
    outcome_block.block,
    outcome_block.evaluation,
    coalesce(lag(outcome_block.evaluation) OVER past, 0) AS previous_evaluation,
    lead(outcome_block.evaluation) OVER past AS next_evaluation,
    outcome_block.correct,
    (bit_or(outcome_block.correct) OVER past)::BIT VARYING AS correct_by_now,
    (bit_and(outcome_block.correct) OVER future)::BIT VARYING AS correct_from_now,
    lag(outcome_block.correct) OVER past & ~outcome_block.correct AS forgotten,
    ~lag(outcome_block.correct) OVER past & outcome_block.correct AS acquired
FROM counted_run
INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
WINDOW
    past AS (
        PARTITION BY
            counted_run.ensemble_id, counted_run.ensemble, counted_run.run_id, outcome_block.block
        ORDER BY outcome_block.evaluation
    ),
    future AS (
        PARTITION BY
            counted_run.ensemble_id, counted_run.ensemble, counted_run.run_id, outcome_block.block
        ORDER BY outcome_block.evaluation DESC
    );

COMMENT ON VIEW block_history IS
'Bitmaps of each block along one run''s training: correct so far, from here on, forgotten.';
COMMENT ON COLUMN block_history.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN block_history.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN block_history.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN block_history.run_id IS 'Id of the run.';
COMMENT ON COLUMN block_history.seed IS 'Seed of the run.';
COMMENT ON COLUMN block_history.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN block_history.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN block_history.previous_evaluation IS
'Evaluation recorded before; 0 before the first.';
COMMENT ON COLUMN block_history.next_evaluation IS
'Evaluation recorded after; NULL after the last.';
COMMENT ON COLUMN block_history.correct IS 'Right at this evaluation.';
COMMENT ON COLUMN block_history.correct_by_now IS 'Right at this evaluation or an earlier one.';
COMMENT ON COLUMN block_history.correct_from_now IS 'Right at this evaluation and all later ones.';
COMMENT ON COLUMN block_history.forgotten IS
'Right at the evaluation before, wrong at this one; NULL at the first.';
COMMENT ON COLUMN block_history.acquired IS
'Wrong at the evaluation before, right at this one; NULL at the first.';
