-- difficulty_part: every score of the examples of a block that there is, one below the other
-- Grain: one row per (ensemble, block, score) that there is of a block with a recorded evaluation.
-- Source: see example_difficulty.
--
-- What example_difficulty is made of.
-- NULL: slices or numbers, whichever the score is not (accessibility of the runs that trained on
-- the examples, and of those that held them out, has neither where no run has a bitmap), and runs
-- of scores that do not say over how many they are.

CREATE VIEW difficulty_part AS
SELECT
    learned_block.ensemble,
    learned_block.ensemble_id,
    learned_block.dataset_id,
    learned_block.block,
    learned_block.split,
    learned_block.runs,
    told.score,
    told.slices,
    NULL::DOUBLE PRECISION[] AS numbers
FROM learned_block
CROSS JOIN
    LATERAL (
        VALUES
        ('learned_runs', learned_block.learned_runs),
        ('met_runs', learned_block.met_runs),
        ('learned', learned_block.learned),
        ('lower_median', learned_block.lower_median),
        ('upper_median', learned_block.upper_median),
        ('first_correct', learned_block.first_correct),
        ('last_mistake', learned_block.last_mistake),
        ('forgotten', learned_block.forgotten)
    ) AS told (score, slices)
UNION ALL
SELECT
    accessibility_block.ensemble,
    accessibility_block.ensemble_id,
    accessibility_block.dataset_id,
    accessibility_block.block,
    accessibility_block.split,
    NULL::INTEGER AS runs,
    told.score,
    NULL::BIT VARYING[] AS slices,
    told.numbers
FROM accessibility_block
CROSS JOIN
    LATERAL (
        VALUES
        ('accessibility', accessibility_block.accessibility),
        (
            'accessibility_trained_on',
            accessibility_block.accessibility_trained_on
        ),
        ('accessibility_held_out', accessibility_block.accessibility_held_out)
    ) AS told (score, numbers)
UNION ALL
SELECT
    signal_mean_block.ensemble,
    signal_mean_block.ensemble_id,
    signal_mean_block.dataset_id,
    signal_mean_block.block,
    signal_mean_block.split,
    NULL::INTEGER AS runs,
    'confidence' AS score,
    NULL::BIT VARYING[] AS slices,
    signal_mean_block.mean AS numbers
FROM signal_mean_block
WHERE signal_mean_block.signal = 'confidence'
UNION ALL
SELECT
    signal_mean_block.ensemble,
    signal_mean_block.ensemble_id,
    signal_mean_block.dataset_id,
    signal_mean_block.block,
    signal_mean_block.split,
    NULL::INTEGER AS runs,
    'variability' AS score,
    NULL::BIT VARYING[] AS slices,
    signal_mean_block.deviation AS numbers
FROM signal_mean_block
WHERE signal_mean_block.signal = 'confidence'
UNION ALL
SELECT
    signal_mean_block.ensemble,
    signal_mean_block.ensemble_id,
    signal_mean_block.dataset_id,
    signal_mean_block.block,
    signal_mean_block.split,
    NULL::INTEGER AS runs,
    'aum' AS score,
    NULL::BIT VARYING[] AS slices,
    signal_mean_block.mean AS numbers
FROM signal_mean_block
WHERE signal_mean_block.signal = 'margin'
UNION ALL
SELECT
    held.ensemble,
    held.ensemble_id,
    held.dataset_id,
    held.block,
    held.split,
    NULL::INTEGER AS runs,
    told.score,
    told.slices,
    NULL::DOUBLE PRECISION[] AS numbers
FROM (
    SELECT
        final_block.ensemble,
        final_block.ensemble_id,
        final_block.dataset_id,
        final_block.block,
        final_block.split,
        bitslice_sum(final_block.held_out) AS runs,
        bitslice_sum(final_block.correct & final_block.held_out) AS correct
    FROM final_block
    GROUP BY
        final_block.ensemble,
        final_block.ensemble_id,
        final_block.dataset_id,
        final_block.block,
        final_block.split
) AS held
CROSS JOIN
    LATERAL (
        VALUES
        ('held_out', held.runs),
        ('held_out_correct', held.correct)
    ) AS told (score, slices)
UNION ALL
SELECT
    consensus_block.ensemble,
    consensus_block.ensemble_id,
    consensus_block.dataset_id,
    consensus_block.block,
    consensus_block.split,
    consensus_block.runs,
    told.score,
    told.slices,
    told.numbers
FROM consensus_block
CROSS JOIN
    LATERAL (
        VALUES
        ('consensus_class', consensus_block.consensus_class, NULL),
        ('votes', consensus_block.votes, NULL),
        ('prediction_entropy', NULL, consensus_block.prediction_entropy)
    ) AS told (score, slices, numbers)
UNION ALL
SELECT
    output_version.ensemble,
    output_version.ensemble_id,
    output_version.dataset_id,
    score_block.block,
    scored.split,
    NULL::INTEGER AS runs,
    'ensemble_agreement' AS score,
    NULL::BIT VARYING[] AS slices,
    score_block.value::DOUBLE PRECISION[] AS numbers
FROM output_version
INNER JOIN score_block
    ON
        output_version.ensemble_id = score_block.ensemble_id
        -- Not a stale one.
        AND output_version.version = score_block.version
INNER JOIN block AS scored
    ON
        output_version.dataset_id = scored.dataset_id
        AND score_block.block = scored.block
WHERE score_block.score = 'ensemble-agreement'
UNION ALL
SELECT
    prediction_depth_block.ensemble,
    prediction_depth_block.ensemble_id,
    prediction_depth_block.dataset_id,
    prediction_depth_block.block,
    prediction_depth_block.split,
    NULL::INTEGER AS runs,
    told.score,
    told.slices,
    NULL::DOUBLE PRECISION[] AS numbers
FROM prediction_depth_block
CROSS JOIN
    LATERAL (
        VALUES
        ('trained_runs', prediction_depth_block.runs_trained_on),
        ('trained_depth', prediction_depth_block.depth_trained_on),
        ('held_runs', prediction_depth_block.runs_held_out),
        ('held_depth', prediction_depth_block.depth_held_out)
    ) AS told (score, slices);

COMMENT ON VIEW difficulty_part IS 'Every score of the examples of a block, one a row.';
COMMENT ON COLUMN difficulty_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN difficulty_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN difficulty_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN difficulty_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN difficulty_part.split IS 'Split of the block: train or test.';
COMMENT ON COLUMN difficulty_part.runs IS 'Runs that the score counts.';
COMMENT ON COLUMN difficulty_part.score IS 'Name of the score.';
COMMENT ON COLUMN difficulty_part.slices IS 'Slices of one whole number an example.';
COMMENT ON COLUMN difficulty_part.numbers IS 'One number an example.';
