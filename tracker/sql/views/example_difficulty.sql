-- example_difficulty: every score of each example that there is, in one row
-- Grain: one row per (ensemble, example) with at least one recorded evaluation.
-- Source: the views whose columns it has: learning_order, data_map, aum, consistency, consensus,
-- ensemble_agreement, prediction_depth, difficulty_type.
--
-- The dichotomy (Meding 2022) and the agreement (consensus_share; Hacohen 2020 s.2) are those of
-- each run's last recorded evaluation.
-- NULL where a score does not exist: consensus and entropy where predicted classes are not known,
-- confidence, variability and aum where no run has summarised these signals, consistency where no
-- run held the example out (those of train, unless with --split), ensemble_agreement where
-- `tracker analyze` has not computed it from the runs that there are now, depths and type where no
-- such run was probed, what is of the runs that trained on the example, or of those that held it
-- out, where there are no such runs, and as learning_order says. Columns that do not say which are
-- over all runs.
--
-- A score of a block is one row of difficulty_part, as slices or as numbers, one an example. A
-- further one takes a branch there and a line in each list of columns. The rows of a block are
-- laid on top of each other and grouped, not joined: the planner, which cannot know how many rows
-- a block makes, might make one side again for each row of the other. Expanding comes last, once
-- for all scores.

CREATE VIEW example_difficulty AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.accessibility,
    -- As in the view accessibility.
    rank() OVER (
        PARTITION BY expanded.ensemble_id, expanded.ensemble, expanded.split
        ORDER BY round(expanded.accessibility * 1e12) DESC
    ) AS rank,
    -- As in learning_order.
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
    dichotomous_difficulty(expanded.learned_runs, expanded.runs) AS difficulty,
    nullif(expanded.confidence, 'NaN') AS confidence,
    nullif(expanded.variability, 'NaN') AS variability,
    nullif(expanded.aum, 'NaN') AS aum,
    expanded.held_out_correct::DOUBLE PRECISION / nullif(expanded.held_out, 0) AS consistency,
    expanded.consensus_class,
    expanded.votes::DOUBLE PRECISION / expanded.voters AS consensus_share,
    expanded.prediction_entropy,
    nullif(expanded.ensemble_agreement, 'NaN') AS ensemble_agreement,
    expanded.depth_trained_on,
    expanded.depth_held_out,
    -- As in difficulty_type.
    difficulty_corner(
        (expanded.depth_held_out - min(expanded.depth_held_out) OVER whole_split)
        / nullif(
            max(expanded.depth_held_out) OVER whole_split
            - min(expanded.depth_held_out) OVER whole_split,
            0
        ),
        (expanded.depth_trained_on - min(expanded.depth_trained_on) OVER whole_split)
        / nullif(
            max(expanded.depth_trained_on) OVER whole_split
            - min(expanded.depth_trained_on) OVER whole_split,
            0
        )
    ) AS difficulty_type,
    expanded.block,
    expanded.held_out AS runs_held_out,
    -- As in accessibility.
    CASE
        WHEN expanded.divided THEN expanded.accessibility_trained_on
        WHEN expanded.split = 'train' THEN expanded.accessibility
    END AS accessibility_trained_on,
    CASE
        WHEN expanded.divided THEN expanded.accessibility_held_out
        WHEN expanded.split <> 'train' THEN expanded.accessibility
    END AS accessibility_held_out,
    dichotomous_difficulty(
        expanded.learned_runs - expanded.held_out_correct, expanded.runs - expanded.held_out
    ) AS difficulty_trained_on,
    dichotomous_difficulty(expanded.held_out_correct, expanded.held_out) AS difficulty_held_out
FROM (
    SELECT
        number.*,
        number.trained_depth::DOUBLE PRECISION / nullif(number.trained_runs, 0)
            AS depth_trained_on,
        number.held_depth::DOUBLE PRECISION / nullif(number.held_runs, 0) AS depth_held_out
    FROM (
        SELECT
            score.ensemble,
            score.ensemble_id,
            score.split,
            score.block,
            block.first_example,
            block.first_position,
            score.runs,
            score.voters,
            score.accessibility_held_out IS NOT NULL AS divided,
            generate_series(0, block.size - 1) AS slot,
            unnest(unslice(block.label)) AS label,
            unnest(score.accessibility) AS accessibility,
            unnest(unslice(score.learned_runs)) AS learned_runs,
            unnest(unslice(score.met_runs)) AS met_runs,
            unnest(unslice(score.learned)) AS learned,
            unnest(unslice(score.lower_median)) AS lower_median,
            unnest(unslice(score.upper_median)) AS upper_median,
            unnest(unslice(score.first_correct)) AS first_correct,
            unnest(unslice(score.last_mistake)) AS last_mistake,
            unnest(unslice(score.forgotten)) AS forgotten,
            unnest(score.confidence) AS confidence,
            unnest(score.variability) AS variability,
            unnest(score.aum) AS aum,
            unnest(unslice(score.held_out)) AS held_out,
            unnest(unslice(score.held_out_correct)) AS held_out_correct,
            unnest(unslice(score.consensus_class)) AS consensus_class,
            unnest(unslice(score.votes)) AS votes,
            unnest(score.prediction_entropy) AS prediction_entropy,
            unnest(score.ensemble_agreement) AS ensemble_agreement,
            unnest(unslice(score.trained_runs)) AS trained_runs,
            unnest(unslice(score.trained_depth)) AS trained_depth,
            unnest(unslice(score.held_runs)) AS held_runs,
            unnest(unslice(score.held_depth)) AS held_depth,
            unnest(score.accessibility_trained_on) AS accessibility_trained_on,
            unnest(score.accessibility_held_out) AS accessibility_held_out
        FROM (
            SELECT
                part.ensemble,
                part.ensemble_id,
                part.dataset_id,
                part.block,
                part.split,
                -- The largest of one.
                max(part.runs) FILTER (WHERE part.score = 'learned') AS runs,
                max(part.runs) FILTER (WHERE part.score = 'votes') AS voters,
                max(part.numbers) FILTER (WHERE part.score = 'accessibility') AS accessibility,
                max(part.slices) FILTER (WHERE part.score = 'learned_runs') AS learned_runs,
                max(part.slices) FILTER (WHERE part.score = 'met_runs') AS met_runs,
                max(part.slices) FILTER (WHERE part.score = 'learned') AS learned,
                max(part.slices) FILTER (WHERE part.score = 'lower_median') AS lower_median,
                max(part.slices) FILTER (WHERE part.score = 'upper_median') AS upper_median,
                max(part.slices) FILTER (WHERE part.score = 'first_correct') AS first_correct,
                max(part.slices) FILTER (WHERE part.score = 'last_mistake') AS last_mistake,
                max(part.slices) FILTER (WHERE part.score = 'forgotten') AS forgotten,
                max(part.numbers) FILTER (WHERE part.score = 'confidence') AS confidence,
                max(part.numbers) FILTER (WHERE part.score = 'variability') AS variability,
                max(part.numbers) FILTER (WHERE part.score = 'aum') AS aum,
                max(part.slices) FILTER (WHERE part.score = 'held_out') AS held_out,
                max(part.slices) FILTER (WHERE part.score = 'held_out_correct') AS held_out_correct,
                max(part.slices) FILTER (WHERE part.score = 'consensus_class') AS consensus_class,
                max(part.slices) FILTER (WHERE part.score = 'votes') AS votes,
                max(part.numbers) FILTER (WHERE part.score = 'prediction_entropy')
                    AS prediction_entropy,
                max(part.numbers) FILTER (WHERE part.score = 'ensemble_agreement')
                    AS ensemble_agreement,
                max(part.slices) FILTER (WHERE part.score = 'trained_runs') AS trained_runs,
                max(part.slices) FILTER (WHERE part.score = 'trained_depth') AS trained_depth,
                max(part.slices) FILTER (WHERE part.score = 'held_runs') AS held_runs,
                max(part.slices) FILTER (WHERE part.score = 'held_depth') AS held_depth,
                max(part.numbers) FILTER (WHERE part.score = 'accessibility_trained_on')
                    AS accessibility_trained_on,
                max(part.numbers) FILTER (WHERE part.score = 'accessibility_held_out')
                    AS accessibility_held_out
            FROM difficulty_part AS part
            GROUP BY part.ensemble, part.ensemble_id, part.dataset_id, part.block, part.split
        ) AS score
        INNER JOIN block ON score.dataset_id = block.dataset_id AND score.block = block.block
    ) AS number
) AS expanded
WINDOW whole_split AS (PARTITION BY expanded.ensemble_id, expanded.ensemble, expanded.split);

COMMENT ON VIEW example_difficulty IS
'Every score of each example in one row: for people, and for the sampler.';
COMMENT ON COLUMN example_difficulty.accessibility IS
'Mean over evaluations of the share of runs that are right; high is easy.';
COMMENT ON COLUMN example_difficulty.rank IS
'Place by falling accessibility within ensemble and split; equal values share a rank.';
COMMENT ON COLUMN example_difficulty.mean_learned IS
'Mean evaluation from which on a run is always right, over the runs that have learned it.';
COMMENT ON COLUMN example_difficulty.median_learned IS
'Median of the same over all runs, a run that has not learned it counting as later than any.';
COMMENT ON COLUMN example_difficulty.learned_share IS
'Share of runs right at their last evaluation.';
COMMENT ON COLUMN example_difficulty.first_correct IS
'Mean first evaluation that is right, over the runs that were ever right.';
COMMENT ON COLUMN example_difficulty.last_mistake IS
'Mean over runs of the last evaluation that is wrong; 0 for a run without mistakes.';
COMMENT ON COLUMN example_difficulty.forgetting_events IS
'Mean over runs of the number of times right is followed by wrong.';
COMMENT ON COLUMN example_difficulty.never_learned_share IS
'Share of runs that are right at no evaluation.';
COMMENT ON COLUMN example_difficulty.difficulty IS
'trivial: all runs are right in the end; impossible: none; else in between.';
COMMENT ON COLUMN example_difficulty.confidence IS
'Mean over runs and evaluations of the probability of the label: see data_map.';
COMMENT ON COLUMN example_difficulty.variability IS
'Mean over runs of its standard deviation over the evaluations: see data_map.';
COMMENT ON COLUMN example_difficulty.aum IS
'Mean over runs and evaluations of the margin: see aum.';
COMMENT ON COLUMN example_difficulty.consistency IS
'Share of the runs that held it out that are right in the end: see consistency.';
COMMENT ON COLUMN example_difficulty.consensus_class IS
'Class that most runs predict in the end: see consensus.';
COMMENT ON COLUMN example_difficulty.consensus_share IS
'Share of the runs that predict it: the agreement of their last predictions.';
COMMENT ON COLUMN example_difficulty.prediction_entropy IS
'Entropy of the classes that the runs predict in the end, natural logarithm.';
COMMENT ON COLUMN example_difficulty.ensemble_agreement IS
'Mean divergence between the final outputs of runs, low is typical: see ensemble_agreement.';
COMMENT ON COLUMN example_difficulty.depth_trained_on IS
'Mean prediction depth over the runs that trained on it: see prediction_depth.';
COMMENT ON COLUMN example_difficulty.depth_held_out IS
'Mean prediction depth over the runs that held it out: see prediction_depth.';
COMMENT ON COLUMN example_difficulty.difficulty_type IS
'easy, looks_like_a_different_class, ambiguous_unless_the_label_is_given or ambiguous.';
COMMENT ON COLUMN example_difficulty.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN example_difficulty.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN example_difficulty.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN example_difficulty.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN example_difficulty.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN example_difficulty.label IS 'Index of the labelled class.';
COMMENT ON COLUMN example_difficulty.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
COMMENT ON COLUMN example_difficulty.runs_held_out IS
'Counted runs with a recorded evaluation that held the example out.';
COMMENT ON COLUMN example_difficulty.accessibility_trained_on IS
'The same as accessibility, of the runs that trained on the example.';
COMMENT ON COLUMN example_difficulty.accessibility_held_out IS
'The same as accessibility, of the runs that held it out.';
COMMENT ON COLUMN example_difficulty.difficulty_trained_on IS
'The same as difficulty, by the runs that trained on the example.';
COMMENT ON COLUMN example_difficulty.difficulty_held_out IS
'The same as difficulty, by the runs that held it out.';
