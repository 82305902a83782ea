-- example_difficulty: every score of each example that there is, in one row
-- Grain: one row per (ensemble, example) with at least one recorded evaluation.
-- Source: the views whose columns it has: learning_order, data_map, aum, consistency, consensus,
-- ensemble_agreement.
--
-- The dichotomy (Meding 2022) and the agreement (consensus_share; Hacohen 2020 s.2) are those of
-- each run's last recorded evaluation.
-- NULL where a score does not exist: consensus and entropy where predicted classes are not known,
-- confidence, variability and aum where no run has summarised these signals, consistency where no
-- run held the example out (those of the split train), ensemble_agreement where `tracker analyze`
-- has not computed it from the runs that there are now, and as learning_order says.
--
-- The scores are laid on top of each other and grouped, not joined: the planner, which cannot know
-- how many rows a block makes, might make one side again for each row of the other.

CREATE VIEW example_difficulty AS
SELECT
    score.ensemble,
    score.ensemble_id,
    score.split,
    score.example_id,
    score.position,
    score.label,
    max(score.accessibility) AS accessibility,
    max(score.rank) AS rank,
    max(score.mean_learned) AS mean_learned,
    max(score.median_learned) AS median_learned,
    max(score.learned_share) AS learned_share,
    max(score.first_correct) AS first_correct,
    max(score.last_mistake) AS last_mistake,
    max(score.forgetting_events) AS forgetting_events,
    max(score.never_learned_share) AS never_learned_share,
    max(score.difficulty) AS difficulty,
    max(score.confidence) AS confidence,
    max(score.variability) AS variability,
    max(score.aum) AS aum,
    max(score.consistency) AS consistency,
    max(score.consensus_class) AS consensus_class,
    max(score.consensus_share) AS consensus_share,
    max(score.prediction_entropy) AS prediction_entropy,
    max(score.ensemble_agreement) AS ensemble_agreement
FROM (
    SELECT
        learning_order.ensemble,
        learning_order.ensemble_id,
        learning_order.split,
        learning_order.example_id,
        learning_order.position,
        learning_order.label,
        learning_order.accessibility,
        learning_order.rank,
        learning_order.mean_learned,
        learning_order.median_learned,
        learning_order.learned_share,
        learning_order.first_correct,
        learning_order.last_mistake,
        learning_order.forgetting_events,
        learning_order.never_learned_share,
        dichotomous_difficulty(
            round(learning_order.learned_share * learning_order.runs)::INTEGER,
            learning_order.runs
        ) AS difficulty,
        NULL::DOUBLE PRECISION AS confidence,
        NULL::DOUBLE PRECISION AS variability,
        NULL::DOUBLE PRECISION AS aum,
        NULL::DOUBLE PRECISION AS consistency,
        NULL::INTEGER AS consensus_class,
        NULL::DOUBLE PRECISION AS consensus_share,
        NULL::DOUBLE PRECISION AS prediction_entropy,
        NULL::DOUBLE PRECISION AS ensemble_agreement
    FROM learning_order
    UNION ALL
    SELECT
        expanded.ensemble,
        expanded.ensemble_id,
        expanded.split,
        expanded.first_example + expanded.slot AS example_id,
        expanded.first_position + expanded.slot AS position,
        expanded.label,
        NULL::DOUBLE PRECISION AS accessibility,
        NULL::BIGINT AS rank,
        NULL::DOUBLE PRECISION AS mean_learned,
        NULL::DOUBLE PRECISION AS median_learned,
        NULL::DOUBLE PRECISION AS learned_share,
        NULL::DOUBLE PRECISION AS first_correct,
        NULL::DOUBLE PRECISION AS last_mistake,
        NULL::DOUBLE PRECISION AS forgetting_events,
        NULL::DOUBLE PRECISION AS never_learned_share,
        NULL::TEXT AS difficulty,
        nullif(expanded.confidence, 'NaN') AS confidence,
        nullif(expanded.variability, 'NaN') AS variability,
        nullif(expanded.aum, 'NaN') AS aum,
        NULL::DOUBLE PRECISION AS consistency,
        NULL::INTEGER AS consensus_class,
        NULL::DOUBLE PRECISION AS consensus_share,
        NULL::DOUBLE PRECISION AS prediction_entropy,
        NULL::DOUBLE PRECISION AS ensemble_agreement
    FROM (
        -- As data_map and aum, both in one go.
        SELECT
            mean.ensemble,
            mean.ensemble_id,
            block.split,
            block.first_example,
            block.first_position,
            generate_series(0, block.size - 1) AS slot,
            unnest(mean.confidence) AS confidence,
            unnest(mean.variability) AS variability,
            unnest(mean.aum) AS aum,
            unnest(unslice(block.label)) AS label
        FROM (
            SELECT
                signal_mean_block.ensemble,
                signal_mean_block.ensemble_id,
                signal_mean_block.dataset_id,
                signal_mean_block.block,
                -- The largest of one.
                max(signal_mean_block.mean) FILTER (WHERE signal_mean_block.signal = 'confidence')
                    AS confidence,
                max(signal_mean_block.deviation)
                FILTER (WHERE signal_mean_block.signal = 'confidence') AS variability,
                max(signal_mean_block.mean) FILTER (WHERE signal_mean_block.signal = 'margin')
                    AS aum
            FROM signal_mean_block
            WHERE signal_mean_block.signal IN ('confidence', 'margin')
            GROUP BY
                signal_mean_block.ensemble,
                signal_mean_block.ensemble_id,
                signal_mean_block.dataset_id,
                signal_mean_block.block
        ) AS mean
        INNER JOIN block ON mean.dataset_id = block.dataset_id AND mean.block = block.block
    ) AS expanded
    UNION ALL
    SELECT
        consistency.ensemble,
        consistency.ensemble_id,
        consistency.split,
        consistency.example_id,
        consistency.position,
        consistency.label,
        NULL::DOUBLE PRECISION AS accessibility,
        NULL::BIGINT AS rank,
        NULL::DOUBLE PRECISION AS mean_learned,
        NULL::DOUBLE PRECISION AS median_learned,
        NULL::DOUBLE PRECISION AS learned_share,
        NULL::DOUBLE PRECISION AS first_correct,
        NULL::DOUBLE PRECISION AS last_mistake,
        NULL::DOUBLE PRECISION AS forgetting_events,
        NULL::DOUBLE PRECISION AS never_learned_share,
        NULL::TEXT AS difficulty,
        NULL::DOUBLE PRECISION AS confidence,
        NULL::DOUBLE PRECISION AS variability,
        NULL::DOUBLE PRECISION AS aum,
        consistency.consistency,
        NULL::INTEGER AS consensus_class,
        NULL::DOUBLE PRECISION AS consensus_share,
        NULL::DOUBLE PRECISION AS prediction_entropy,
        NULL::DOUBLE PRECISION AS ensemble_agreement
    FROM consistency
    UNION ALL
    SELECT
        consensus.ensemble,
        consensus.ensemble_id,
        consensus.split,
        consensus.example_id,
        consensus.position,
        consensus.label,
        NULL::DOUBLE PRECISION AS accessibility,
        NULL::BIGINT AS rank,
        NULL::DOUBLE PRECISION AS mean_learned,
        NULL::DOUBLE PRECISION AS median_learned,
        NULL::DOUBLE PRECISION AS learned_share,
        NULL::DOUBLE PRECISION AS first_correct,
        NULL::DOUBLE PRECISION AS last_mistake,
        NULL::DOUBLE PRECISION AS forgetting_events,
        NULL::DOUBLE PRECISION AS never_learned_share,
        NULL::TEXT AS difficulty,
        NULL::DOUBLE PRECISION AS confidence,
        NULL::DOUBLE PRECISION AS variability,
        NULL::DOUBLE PRECISION AS aum,
        NULL::DOUBLE PRECISION AS consistency,
        consensus.consensus_class,
        consensus.consensus_share,
        consensus.prediction_entropy,
        NULL::DOUBLE PRECISION AS ensemble_agreement
    FROM consensus
    UNION ALL
    SELECT
        ensemble_agreement.ensemble,
        ensemble_agreement.ensemble_id,
        ensemble_agreement.split,
        ensemble_agreement.example_id,
        ensemble_agreement.position,
        ensemble_agreement.label,
        NULL::DOUBLE PRECISION AS accessibility,
        NULL::BIGINT AS rank,
        NULL::DOUBLE PRECISION AS mean_learned,
        NULL::DOUBLE PRECISION AS median_learned,
        NULL::DOUBLE PRECISION AS learned_share,
        NULL::DOUBLE PRECISION AS first_correct,
        NULL::DOUBLE PRECISION AS last_mistake,
        NULL::DOUBLE PRECISION AS forgetting_events,
        NULL::DOUBLE PRECISION AS never_learned_share,
        NULL::TEXT AS difficulty,
        NULL::DOUBLE PRECISION AS confidence,
        NULL::DOUBLE PRECISION AS variability,
        NULL::DOUBLE PRECISION AS aum,
        NULL::DOUBLE PRECISION AS consistency,
        NULL::INTEGER AS consensus_class,
        NULL::DOUBLE PRECISION AS consensus_share,
        NULL::DOUBLE PRECISION AS prediction_entropy,
        ensemble_agreement.ensemble_agreement
    FROM ensemble_agreement
    WHERE NOT ensemble_agreement.stale
) AS score
GROUP BY
    score.example_id,
    score.ensemble,
    score.ensemble_id,
    score.split,
    score.position,
    score.label;

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
COMMENT ON COLUMN example_difficulty.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN example_difficulty.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN example_difficulty.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN example_difficulty.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN example_difficulty.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN example_difficulty.label IS 'Index of the labelled class.';
