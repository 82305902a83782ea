-- history_block: what each run's bitmaps, read along its training, say of a block of examples
-- Grain: one row per (run, block) with at least one recorded evaluation.
-- Source: learned, Hacohen 2020 s.3.1; first correct and last mistake, Hu 2022; forgetting events,
-- Toneva 2019. See the function bitslice_history.
--
-- The building block of the views on learning and forgetting: numbers per example as slices (see
-- bitslice_count), `planes` of them; 2^planes - 1 stands for "never".
--
-- Postgres gives no part of an ordered aggregate to parallel workers, but it does give them whole
-- branches of a union: hence the four shares of the runs.

CREATE VIEW history_block AS
SELECT
    history_part.ensemble_id,
    history_part.ensemble,
    history_part.dataset_id,
    history_part.run_id,
    history_part.seed,
    history_part.block,
    history_part.evaluations,
    history_part.last_evaluation,
    history_part.planes,
    history_part.forgotten,
    history_part.learned,
    history_part.first_correct,
    history_part.last_mistake,
    history_part.ever,
    history_part.at_first,
    history_part.at_last,
    history_part.split
FROM history_part
WHERE history_part.part = 0
UNION ALL
SELECT
    history_part.ensemble_id,
    history_part.ensemble,
    history_part.dataset_id,
    history_part.run_id,
    history_part.seed,
    history_part.block,
    history_part.evaluations,
    history_part.last_evaluation,
    history_part.planes,
    history_part.forgotten,
    history_part.learned,
    history_part.first_correct,
    history_part.last_mistake,
    history_part.ever,
    history_part.at_first,
    history_part.at_last,
    history_part.split
FROM history_part
WHERE history_part.part = 1
UNION ALL
SELECT
    history_part.ensemble_id,
    history_part.ensemble,
    history_part.dataset_id,
    history_part.run_id,
    history_part.seed,
    history_part.block,
    history_part.evaluations,
    history_part.last_evaluation,
    history_part.planes,
    history_part.forgotten,
    history_part.learned,
    history_part.first_correct,
    history_part.last_mistake,
    history_part.ever,
    history_part.at_first,
    history_part.at_last,
    history_part.split
FROM history_part
WHERE history_part.part = 2
UNION ALL
SELECT
    history_part.ensemble_id,
    history_part.ensemble,
    history_part.dataset_id,
    history_part.run_id,
    history_part.seed,
    history_part.block,
    history_part.evaluations,
    history_part.last_evaluation,
    history_part.planes,
    history_part.forgotten,
    history_part.learned,
    history_part.first_correct,
    history_part.last_mistake,
    history_part.ever,
    history_part.at_first,
    history_part.at_last,
    history_part.split
FROM history_part
WHERE history_part.part = 3;

COMMENT ON VIEW history_block IS
'What each run''s training says of a block of examples, as bit slices.';
COMMENT ON COLUMN history_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN history_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN history_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN history_block.run_id IS 'Id of the run.';
COMMENT ON COLUMN history_block.seed IS 'Seed of the run.';
COMMENT ON COLUMN history_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN history_block.evaluations IS 'Evaluations that the run has recorded.';
COMMENT ON COLUMN history_block.last_evaluation IS 'The last of them.';
COMMENT ON COLUMN history_block.planes IS
'Slices of an ordinal, the same in the whole ensemble; 2^planes - 1 stands for never.';
COMMENT ON COLUMN history_block.forgotten IS 'Slices: times that right is followed by wrong.';
COMMENT ON COLUMN history_block.learned IS 'Slices: evaluation from which on it is always right.';
COMMENT ON COLUMN history_block.first_correct IS 'Slices: first evaluation that is right.';
COMMENT ON COLUMN history_block.last_mistake IS 'Slices: last evaluation that is wrong; 0 if none.';
COMMENT ON COLUMN history_block.ever IS 'Bitmap: right at some evaluation.';
COMMENT ON COLUMN history_block.at_first IS 'Bitmap: right at the first evaluation recorded.';
COMMENT ON COLUMN history_block.at_last IS 'Bitmap: right at the last evaluation recorded.';
COMMENT ON COLUMN history_block.split IS 'Split of the block: train or test.';
