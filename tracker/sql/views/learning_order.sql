-- learning_order: when an ensemble learns each example, and how surely
-- Grain: one row per (ensemble, example) with at least one recorded evaluation.
-- Source: accessibility Hacohen 2020 s.2; learned Hacohen 2020 s.3.1; first correct and last
-- mistake Hu 2022; forgetting events and never learned Toneva 2019.
--
-- Evaluations are counted by their ordinal e (the papers' epochs where a run is evaluated every
-- epoch); `ensemble_evaluation` gives the step and epoch of each.
-- NULL: mean_learned where no run has learned the example (it is wrong at the last evaluation of
-- each), median_learned where not more than half have, first_correct where no run was ever right.
-- While an ensemble trains, a run counts with what it has recorded so far.

CREATE VIEW learning_order AS
SELECT
    score.ensemble,
    score.ensemble_id,
    score.split,
    score.example_id,
    score.position,
    score.label,
    score.runs,
    score.evaluations,
    score.accessibility,
    -- Equal accessibility is an equal rank, so rounded to hide the last bits of a sum; a random
    -- rule for ties is the sampler's business.
    rank() OVER (
        PARTITION BY score.ensemble_id, score.ensemble, score.split
        ORDER BY round(score.accessibility * 1e12) DESC
    ) AS rank,
    score.mean_learned,
    score.median_learned,
    score.learned_share,
    score.first_correct,
    score.last_mistake,
    score.forgetting_events,
    score.never_learned_share
FROM (
    -- Rows are made by unnest and named by the block they come from: joining `example` here would
    -- let the planner expand a block once for each of its examples.
    SELECT
        tally.ensemble,
        tally.ensemble_id,
        block.split,
        (block.first_example + value.place - 1)::INTEGER AS example_id,
        (block.first_position + value.place - 1)::INTEGER AS position,
        value.label,
        tally.runs,
        tally.evaluations,
        sum(value.correct::DOUBLE PRECISION / tally.runs_each) / tally.evaluations
            AS accessibility,
        tally.last_evaluation + 1 - sum(value.learned)::DOUBLE PRECISION
        / nullif(max(value.ever_learned), 0) AS mean_learned,
        -- The mean of the lower and the upper median: the first evaluations by which at least
        -- half of the runs, and more than half, have learned the example.
        CASE
            WHEN 2 * max(value.ever_learned) > tally.runs
                THEN
                    tally.first_evaluation
                    + (sum(value.before_lower) + sum(value.before_upper))::DOUBLE PRECISION / 2
        END AS median_learned,
        coalesce(max(value.ever_learned), 0)::DOUBLE PRECISION / tally.runs AS learned_share,
        tally.last_evaluation + 1 - sum(value.met)::DOUBLE PRECISION
        / nullif(max(value.ever_met), 0) AS first_correct,
        (tally.sum_of_last - coalesce(sum(value.unbroken), 0))::DOUBLE PRECISION
        / tally.runs AS last_mistake,
        coalesce(sum(value.forgotten), 0)::DOUBLE PRECISION / tally.runs AS forgetting_events,
        (tally.runs - coalesce(max(value.ever_met), 0))::DOUBLE PRECISION
        / tally.runs AS never_learned_share
    FROM (
        -- Tp-agreement at an evaluation is a share of the runs that have recorded it, so counts
        -- are added up apart for each number of runs: one group in a complete ensemble.
        SELECT
            learning_block.ensemble,
            learning_block.ensemble_id,
            learning_block.dataset_id,
            learning_block.block,
            nullif(learning_block.runs, 0) AS runs_each,
            learning_block.first_evaluation,
            learning_block.last_evaluation,
            learning_block.evaluations,
            progress.runs,
            progress.sum_of_last,
            unslice(bitslice_sum(learning_block.correct)) AS correct,
            unslice(bitslice_sum(learning_block.learned)) AS learned,
            unslice(bitslice_sum(learning_block.met)) AS met,
            unslice(bitslice_sum(learning_block.forgotten)) AS forgotten,
            unslice(bitslice_sum(learning_block.unbroken)) AS unbroken,
            unslice(bitslice_sum(
                ~bitslice_at_least(learning_block.learned, (progress.runs + 1) / 2)
            )) AS before_lower,
            unslice(bitslice_sum(
                ~bitslice_at_least(learning_block.learned, progress.runs / 2 + 1)
            )) AS before_upper,
            unslice(bitslice_sum(learning_block.learned) FILTER (
                WHERE learning_block.evaluation = learning_block.last_evaluation
            )) AS ever_learned,
            unslice(bitslice_sum(learning_block.met) FILTER (
                WHERE learning_block.evaluation = learning_block.last_evaluation
            )) AS ever_met
        FROM learning_block
        INNER JOIN (
            SELECT
                last.ensemble_id,
                last.ensemble,
                count(*)::INTEGER AS runs,
                sum(last.evaluation) AS sum_of_last
            FROM (
                SELECT
                    counted_run.ensemble_id,
                    counted_run.ensemble,
                    counted_run.run_id,
                    max(evaluation.evaluation) AS evaluation
                FROM counted_run
                INNER JOIN evaluation ON counted_run.run_id = evaluation.run_id
                GROUP BY counted_run.ensemble_id, counted_run.ensemble, counted_run.run_id
            ) AS last
            GROUP BY last.ensemble_id, last.ensemble
        ) AS progress
            ON
                learning_block.ensemble_id = progress.ensemble_id
                AND learning_block.ensemble = progress.ensemble
        GROUP BY
            learning_block.ensemble,
            learning_block.ensemble_id,
            learning_block.dataset_id,
            learning_block.block,
            learning_block.runs,
            learning_block.first_evaluation,
            learning_block.last_evaluation,
            learning_block.evaluations,
            progress.runs,
            progress.sum_of_last
    ) AS tally
    INNER JOIN block ON tally.dataset_id = block.dataset_id AND tally.block = block.block
    CROSS JOIN
        LATERAL unnest(
            tally.correct,
            tally.learned,
            tally.met,
            tally.forgotten,
            tally.unbroken,
            tally.before_lower,
            tally.before_upper,
            tally.ever_learned,
            tally.ever_met,
            unslice(block.label)
        ) WITH ORDINALITY AS value (
            correct,
            learned,
            met,
            forgotten,
            unbroken,
            before_lower,
            before_upper,
            ever_learned,
            ever_met,
            label,
            place
        )
    GROUP BY
        tally.ensemble,
        tally.ensemble_id,
        block.split,
        block.first_example,
        block.first_position,
        value.place,
        value.label,
        tally.runs,
        tally.evaluations,
        tally.first_evaluation,
        tally.last_evaluation,
        tally.sum_of_last
) AS score;

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
