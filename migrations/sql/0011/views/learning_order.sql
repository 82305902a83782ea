-- learning_order: when an ensemble learns each example, and how surely
-- Grain: one row per (ensemble, example) with at least one recorded evaluation.
-- Source: accessibility Hacohen 2020 s.2; learned Hacohen 2020 s.3.1; first correct and last
-- mistake Hu 2022; forgetting events and never learned Toneva 2019.
--
-- Evaluations are counted by their ordinal e (the papers' epochs where a run is evaluated every
-- epoch); `ensemble_evaluation` gives the step and epoch of each.
-- All columns are over all runs but two: accessibility_trained_on is over the runs that trained on
-- the example, accessibility_held_out over those that held it out (--split 90:10, --split parts:K,
-- and every split other than train). What else is to be told of either: learning_by_held_out.
-- NULL: those two where there are no such runs, mean_learned where no run has learned the example
-- (it is wrong at the last evaluation of each), median_learned where not more than half have,
-- first_correct where no run was ever right.
-- While an ensemble trains, a run counts with what it has recorded so far.

CREATE VIEW learning_order AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.runs,
    expanded.evaluations,
    expanded.accessibility,
    -- As in the view accessibility.
    rank() OVER (
        PARTITION BY expanded.ensemble_id, expanded.ensemble, expanded.split
        ORDER BY round(expanded.accessibility * 1e12) DESC
    ) AS rank,
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
    expanded.block,
    -- As in accessibility.
    CASE
        WHEN expanded.divided THEN expanded.runs_held_out
        WHEN expanded.split = 'train' THEN 0
        ELSE expanded.runs
    END AS runs_held_out,
    CASE
        WHEN expanded.divided THEN expanded.accessibility_trained_on
        WHEN expanded.split = 'train' THEN expanded.accessibility
    END AS accessibility_trained_on,
    CASE
        WHEN expanded.divided THEN expanded.accessibility_held_out
        WHEN expanded.split <> 'train' THEN expanded.accessibility
    END AS accessibility_held_out
FROM (
    SELECT
        learned_block.ensemble,
        learned_block.ensemble_id,
        learned_block.runs,
        easy.evaluations,
        learned_block.split,
        learned_block.block,
        block.first_example,
        block.first_position,
        generate_series(0, block.size - 1) AS slot,
        unnest(easy.accessibility) AS accessibility,
        unnest(unslice(learned_block.learned_runs)) AS learned_runs,
        unnest(unslice(learned_block.met_runs)) AS met_runs,
        unnest(unslice(learned_block.learned)) AS learned,
        unnest(unslice(learned_block.lower_median)) AS lower_median,
        unnest(unslice(learned_block.upper_median)) AS upper_median,
        unnest(unslice(learned_block.first_correct)) AS first_correct,
        unnest(unslice(learned_block.last_mistake)) AS last_mistake,
        unnest(unslice(learned_block.forgotten)) AS forgotten,
        unnest(unslice(block.label)) AS label,
        easy.divided,
        -- Columns that have no numbers give NULL.
        unnest(unslice(share.runs_held_out)) AS runs_held_out,
        unnest(easy.accessibility_trained_on) AS accessibility_trained_on,
        unnest(easy.accessibility_held_out) AS accessibility_held_out
    FROM learned_block
    -- Asked for block by block: a join would be free to make all of it for each block.
    CROSS JOIN
        LATERAL (
            SELECT
                accessibility_block.evaluations,
                accessibility_block.accessibility,
                accessibility_block.divided,
                accessibility_block.accessibility_trained_on,
                accessibility_block.accessibility_held_out
            FROM accessibility_block
            WHERE
                accessibility_block.ensemble = learned_block.ensemble
                AND accessibility_block.ensemble_id = learned_block.ensemble_id
                AND accessibility_block.block = learned_block.block
                AND accessibility_block.split = learned_block.split
        ) AS easy
    CROSS JOIN
        LATERAL (
            SELECT held_out_block.runs_held_out
            FROM held_out_block
            WHERE
                held_out_block.ensemble = learned_block.ensemble
                AND held_out_block.ensemble_id = learned_block.ensemble_id
                AND held_out_block.block = learned_block.block
                AND held_out_block.split = learned_block.split
        ) AS share
    INNER JOIN block
        ON learned_block.dataset_id = block.dataset_id AND learned_block.block = block.block
) AS expanded;

COMMENT ON VIEW learning_order IS
'When each ensemble learns each example: accessibility, epochs learned, forgetting, rank.';
COMMENT ON COLUMN learning_order.runs IS 'Runs with at least one recorded evaluation.';
COMMENT ON COLUMN learning_order.evaluations IS 'Evaluations that at least one run has recorded.';
COMMENT ON COLUMN learning_order.accessibility IS
'Mean over evaluations of the share of runs that are right (Hacohen 2020 s.2); high is easy.';
COMMENT ON COLUMN learning_order.rank IS
'Place by falling accessibility within ensemble and split; equal values share a rank.';
COMMENT ON COLUMN learning_order.mean_learned IS
'Mean evaluation from which on a run is always right, over the runs that have learned it.';
COMMENT ON COLUMN learning_order.median_learned IS
'Median of the same over all runs, a run that has not learned it counting as later than any.';
COMMENT ON COLUMN learning_order.learned_share IS 'Share of runs right at their last evaluation.';
COMMENT ON COLUMN learning_order.first_correct IS
'Mean first evaluation that is right, over the runs that were ever right.';
COMMENT ON COLUMN learning_order.last_mistake IS
'Mean over runs of the last evaluation that is wrong; 0 for a run without mistakes.';
COMMENT ON COLUMN learning_order.forgetting_events IS
'Mean over runs of the number of times right is followed by wrong (Toneva 2019).';
COMMENT ON COLUMN learning_order.never_learned_share IS
'Share of runs that are right at no evaluation (Toneva 2019: never learned).';
COMMENT ON COLUMN learning_order.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN learning_order.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN learning_order.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN learning_order.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN learning_order.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN learning_order.label IS 'Index of the labelled class.';
COMMENT ON COLUMN learning_order.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
COMMENT ON COLUMN learning_order.runs_held_out IS 'Those runs that held the example out.';
COMMENT ON COLUMN learning_order.accessibility_trained_on IS
'The same as accessibility, of the runs that trained on the example.';
COMMENT ON COLUMN learning_order.accessibility_held_out IS
'The same as accessibility, of the runs that held it out.';
