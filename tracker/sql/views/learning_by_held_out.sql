-- learning_by_held_out: learning_order of the runs that trained on each example, and of the others
-- Grain: one row per (ensemble, example, held out or not) of which a run with a recorded evaluation
-- trained on the example (held_out false) or held it out (true).
-- Source: as learning_order; apart as Baldock 2021 s.4 takes prediction depths apart.
--
-- Examples of splits other than train are held out by all runs; those of train by the runs that did
-- not train on them (--split 90:10, --split parts:K), by none where all train on everything. Of an
-- example held out, "learned" is to be read as: generalized to from then on. There is no rank, so
-- that a filter on the block reaches the blocks. While an ensemble trains, a run counts with what
-- it has recorded so far.
-- NULL: mean_learned where no such run has learned the example (it is wrong at the last evaluation
-- of each), median_learned where not more than half have, first_correct where none was ever right.

CREATE VIEW learning_by_held_out AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.held_out,
    expanded.runs,
    expanded.accessibility,
    expanded.learned::DOUBLE PRECISION / nullif(expanded.learned_runs, 0) AS mean_learned,
    CASE
        WHEN 2 * expanded.learned_runs > expanded.runs
            THEN (expanded.lower_median + expanded.upper_median)::DOUBLE PRECISION / 2
    END AS median_learned,
    expanded.learned_runs::DOUBLE PRECISION / expanded.runs AS learned_share,
    expanded.first_correct::DOUBLE PRECISION / nullif(expanded.met_runs, 0) AS first_correct,
    expanded.last_mistake::DOUBLE PRECISION / expanded.runs AS last_mistake,
    expanded.forgotten::DOUBLE PRECISION / expanded.runs AS forgetting_events,
    (expanded.runs - expanded.met_runs)::DOUBLE PRECISION / expanded.runs AS never_learned_share,
    expanded.block
FROM (
    SELECT
        score.ensemble,
        score.ensemble_id,
        score.held_out,
        score.split,
        score.block,
        block.first_example,
        block.first_position,
        generate_series(0, block.size - 1) AS slot,
        unnest(score.accessibility) AS accessibility,
        unnest(unslice(score.runs)) AS runs,
        unnest(unslice(score.learned_runs)) AS learned_runs,
        unnest(unslice(score.met_runs)) AS met_runs,
        unnest(unslice(score.learned)) AS learned,
        unnest(unslice(score.lower_median)) AS lower_median,
        unnest(unslice(score.upper_median)) AS upper_median,
        unnest(unslice(score.first_correct)) AS first_correct,
        unnest(unslice(score.last_mistake)) AS last_mistake,
        unnest(unslice(score.forgotten)) AS forgotten,
        unnest(unslice(block.label)) AS label
    FROM (
        -- Laid on top of each other and grouped, as in example_difficulty: each block's
        -- accessibility is made once for both kinds of runs.
        SELECT
            part.ensemble,
            part.ensemble_id,
            part.dataset_id,
            part.block,
            part.split,
            part.held_out,
            -- The largest of one.
            max(part.runs) AS runs,
            max(part.learned_runs) AS learned_runs,
            max(part.met_runs) AS met_runs,
            max(part.learned) AS learned,
            max(part.lower_median) AS lower_median,
            max(part.upper_median) AS upper_median,
            max(part.first_correct) AS first_correct,
            max(part.last_mistake) AS last_mistake,
            max(part.forgotten) AS forgotten,
            max(part.accessibility) AS accessibility
        FROM (
            SELECT
                learned_held_out_block.ensemble,
                learned_held_out_block.ensemble_id,
                learned_held_out_block.dataset_id,
                learned_held_out_block.block,
                learned_held_out_block.split,
                learned_held_out_block.held_out,
                learned_held_out_block.runs,
                learned_held_out_block.learned_runs,
                learned_held_out_block.met_runs,
                learned_held_out_block.learned,
                learned_held_out_block.lower_median,
                learned_held_out_block.upper_median,
                learned_held_out_block.first_correct,
                learned_held_out_block.last_mistake,
                learned_held_out_block.forgotten,
                NULL::DOUBLE PRECISION[] AS accessibility
            FROM learned_held_out_block
            UNION ALL
            SELECT
                accessibility_block.ensemble,
                accessibility_block.ensemble_id,
                accessibility_block.dataset_id,
                accessibility_block.block,
                accessibility_block.split,
                side.held_out,
                NULL::BIT VARYING[] AS runs,
                NULL::BIT VARYING[] AS learned_runs,
                NULL::BIT VARYING[] AS met_runs,
                NULL::BIT VARYING[] AS learned,
                NULL::BIT VARYING[] AS lower_median,
                NULL::BIT VARYING[] AS upper_median,
                NULL::BIT VARYING[] AS first_correct,
                NULL::BIT VARYING[] AS last_mistake,
                NULL::BIT VARYING[] AS forgotten,
                side.accessibility
            FROM accessibility_block
            CROSS JOIN
                LATERAL (
                    VALUES
                    (
                        FALSE,
                        CASE
                            WHEN accessibility_block.divided
                                THEN accessibility_block.accessibility_trained_on
                            ELSE accessibility_block.accessibility
                        END
                    ),
                    (
                        TRUE,
                        CASE
                            WHEN accessibility_block.divided
                                THEN accessibility_block.accessibility_held_out
                            ELSE accessibility_block.accessibility
                        END
                    )
                ) AS side (held_out, accessibility)
            WHERE
                accessibility_block.divided
                OR side.held_out = (accessibility_block.split <> 'train')
        ) AS part
        GROUP BY
            part.ensemble,
            part.ensemble_id,
            part.dataset_id,
            part.block,
            part.split,
            part.held_out
    ) AS score
    INNER JOIN block ON score.dataset_id = block.dataset_id AND score.block = block.block
) AS expanded
WHERE expanded.runs > 0;

COMMENT ON VIEW learning_by_held_out IS
'When the runs that trained on each example learn it, and when the others are right about it.';
COMMENT ON COLUMN learning_by_held_out.held_out IS
'Of the runs that held the example out, or of those that trained on it?';
COMMENT ON COLUMN learning_by_held_out.runs IS 'Those runs with at least one recorded evaluation.';
COMMENT ON COLUMN learning_by_held_out.accessibility IS
'Mean over the evaluations that at least one of them has recorded of the share of them that are '
'right; high is easy.';
COMMENT ON COLUMN learning_by_held_out.mean_learned IS
'Mean evaluation from which on a run is always right, over those that have learned the example.';
COMMENT ON COLUMN learning_by_held_out.median_learned IS
'Median of the same over all of them, a run that has not learned it counting as later than any.';
COMMENT ON COLUMN learning_by_held_out.learned_share IS
'Share of them that are right at their last evaluation.';
COMMENT ON COLUMN learning_by_held_out.first_correct IS
'Mean first evaluation that is right, over those that were ever right.';
COMMENT ON COLUMN learning_by_held_out.last_mistake IS
'Mean over them of the last evaluation that is wrong; 0 for a run without mistakes.';
COMMENT ON COLUMN learning_by_held_out.forgetting_events IS
'Mean over them of the number of times right is followed by wrong (Toneva 2019).';
COMMENT ON COLUMN learning_by_held_out.never_learned_share IS
'Share of them that are right at no evaluation (Toneva 2019: never learned).';
COMMENT ON COLUMN learning_by_held_out.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN learning_by_held_out.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN learning_by_held_out.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN learning_by_held_out.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN learning_by_held_out.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN learning_by_held_out.label IS 'Index of the labelled class.';
COMMENT ON COLUMN learning_by_held_out.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
