-- history_part: what each run's bitmaps, read along its training, say of a block of examples
-- Grain: one row per (run, block) with at least one recorded evaluation.
-- Source: learned, Hacohen 2020 s.3.1; first correct and last mistake, Hu 2022; forgetting events,
-- Toneva 2019. See the function bitslice_history.
--
-- What history_block is made of. `part`, 0 to 3, tells four shares of the runs apart.

CREATE VIEW history_part AS
SELECT
    past.ensemble_id,
    past.ensemble,
    past.dataset_id,
    past.run_id,
    past.seed,
    past.block,
    past.part,
    past.evaluations,
    past.last_evaluation,
    past.planes,
    (past.history).forgotten,
    (past.history).learned,
    (past.history).first_correct,
    (past.history).last_mistake,
    (past.history).ever,
    (past.history).at_first,
    (past.history).at_last,
    past.split
FROM (
    SELECT
        counted_run.ensemble_id,
        counted_run.ensemble,
        counted_run.dataset_id,
        counted_run.run_id,
        counted_run.seed,
        outcome_block.block,
        block.split,
        counted_run.run_id % 4 AS part,
        count(*)::INTEGER AS evaluations,
        max(outcome_block.evaluation) AS last_evaluation,
        extent.planes,
        bitslice_history(
            array_agg(outcome_block.correct ORDER BY outcome_block.evaluation),
            array_agg(outcome_block.evaluation ORDER BY outcome_block.evaluation),
            extent.planes
        ) AS history
    FROM counted_run
    INNER JOIN (
        -- As many digits as the ordinal after the last one has: all ones is then above any.
        SELECT
            ensemble_evaluation.ensemble_id,
            ensemble_evaluation.ensemble,
            length(ltrim((max(ensemble_evaluation.evaluation) + 1)::BIT(32)::TEXT, '0')) AS planes
        FROM ensemble_evaluation
        GROUP BY ensemble_evaluation.ensemble_id, ensemble_evaluation.ensemble
    ) AS extent
        ON
            counted_run.ensemble_id = extent.ensemble_id
            AND counted_run.ensemble = extent.ensemble
    INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
    INNER JOIN block
        ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
    GROUP BY
        counted_run.ensemble_id,
        counted_run.ensemble,
        counted_run.dataset_id,
        counted_run.run_id,
        counted_run.seed,
        outcome_block.block,
        block.split,
        extent.planes
) AS past;

COMMENT ON VIEW history_part IS
'What each run''s training says of a block of examples, as bit slices.';
COMMENT ON COLUMN history_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN history_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN history_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN history_part.run_id IS 'Id of the run.';
COMMENT ON COLUMN history_part.seed IS 'Seed of the run.';
COMMENT ON COLUMN history_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN history_part.part IS 'Share of the runs, 0 to 3.';
COMMENT ON COLUMN history_part.evaluations IS 'Evaluations that the run has recorded.';
COMMENT ON COLUMN history_part.last_evaluation IS 'The last of them.';
COMMENT ON COLUMN history_part.planes IS
'Slices of an ordinal, the same in the whole ensemble; 2^planes - 1 stands for never.';
COMMENT ON COLUMN history_part.forgotten IS 'Slices: times that right is followed by wrong.';
COMMENT ON COLUMN history_part.learned IS 'Slices: evaluation from which on it is always right.';
COMMENT ON COLUMN history_part.first_correct IS 'Slices: first evaluation that is right.';
COMMENT ON COLUMN history_part.last_mistake IS 'Slices: last evaluation that is wrong; 0 if none.';
COMMENT ON COLUMN history_part.ever IS 'Bitmap: right at some evaluation.';
COMMENT ON COLUMN history_part.at_first IS 'Bitmap: right at the first evaluation recorded.';
COMMENT ON COLUMN history_part.at_last IS 'Bitmap: right at the last evaluation recorded.';
COMMENT ON COLUMN history_part.split IS 'Split of the block: train or test.';
