-- suspected_label_errors: training examples whose label the ensemble contradicts
-- Grain: one row per (ensemble, example) that is suspected; no row for the others.
-- Source: hardly ever believed in training, although more than half of the runs predict one other
-- class in the end (consensus class, Baldock 2021 s.3.1; impossible ones, Meding 2022, above all).
-- Belief is the mean probability of the label over training (confidence, Swayamdipta 2020) where it
-- was summarised, else the share of right answers (accessibility, Hacohen 2020 s.2); at most 0.1.
-- See label_error_score, which takes other thresholds. Margins over training (AUM) serve to find
-- such labels (Pleiss 2020).
--
-- Only of the split train, whose labels the runs were told: networks learn what most labels say
-- before they learn an exception by heart. An ensemble that has learned all by heart suspects
-- nothing: order the view aum by aum instead, whose lowest are its exceptions. No rows where
-- predicted classes are not known.
-- All runs count, whether they trained on the example or held it out; consistency and
-- learning_by_held_out tell what those say that held it out.
-- NULL: confidence and aum where no run has summarised them, or where they are not numbers.

CREATE VIEW suspected_label_errors AS
SELECT
    evidence.ensemble,
    evidence.ensemble_id,
    evidence.split,
    evidence.example_id,
    evidence.position,
    evidence.label,
    max(evidence.consensus_class) AS consensus_class,
    max(evidence.consensus_share) AS consensus_share,
    max(evidence.label_share) AS label_share,
    max(evidence.accessibility) AS accessibility,
    label_error_score(
        coalesce(max(evidence.confidence), max(evidence.accessibility)),
        max(evidence.consensus_share)
    ) AS score,
    max(evidence.confidence) AS confidence,
    max(evidence.aum) AS aum,
    evidence.block
FROM (
    -- Grouped, not joined: the planner might make one side again for each row of the other.
    SELECT
        consensus.ensemble,
        consensus.ensemble_id,
        consensus.split,
        consensus.example_id,
        consensus.position,
        consensus.label,
        consensus.block,
        consensus.consensus_class,
        consensus.consensus_share,
        consensus.label_share,
        NULL::DOUBLE PRECISION AS accessibility,
        NULL::DOUBLE PRECISION AS confidence,
        NULL::DOUBLE PRECISION AS aum
    FROM consensus
    WHERE consensus.split = 'train' AND consensus.consensus_class <> consensus.label
    UNION ALL
    SELECT
        easy.ensemble,
        easy.ensemble_id,
        easy.split,
        easy.first_example + easy.slot AS example_id,
        easy.first_position + easy.slot AS position,
        easy.label,
        easy.block,
        NULL::INTEGER AS consensus_class,
        NULL::DOUBLE PRECISION AS consensus_share,
        NULL::DOUBLE PRECISION AS label_share,
        easy.accessibility,
        NULL::DOUBLE PRECISION AS confidence,
        NULL::DOUBLE PRECISION AS aum
    FROM (
        -- Not the view accessibility: its ranks are over all blocks, where one may be asked for.
        SELECT
            accessibility_block.ensemble,
            accessibility_block.ensemble_id,
            accessibility_block.split,
            accessibility_block.block,
            block.first_example,
            block.first_position,
            generate_series(0, block.size - 1) AS slot,
            unnest(accessibility_block.accessibility) AS accessibility,
            unnest(unslice(block.label)) AS label
        FROM accessibility_block
        INNER JOIN block
            ON
                accessibility_block.dataset_id = block.dataset_id
                AND accessibility_block.block = block.block
        WHERE accessibility_block.split = 'train'
    ) AS easy
    UNION ALL
    SELECT
        expanded.ensemble,
        expanded.ensemble_id,
        expanded.split,
        expanded.first_example + expanded.slot AS example_id,
        expanded.first_position + expanded.slot AS position,
        expanded.label,
        expanded.block,
        NULL::INTEGER AS consensus_class,
        NULL::DOUBLE PRECISION AS consensus_share,
        NULL::DOUBLE PRECISION AS label_share,
        NULL::DOUBLE PRECISION AS accessibility,
        nullif(expanded.confidence, 'NaN') AS confidence,
        nullif(expanded.aum, 'NaN') AS aum
    FROM (
        -- As data_map and aum, both in one go.
        SELECT
            mean.ensemble,
            mean.ensemble_id,
            mean.split,
            mean.block,
            block.first_example,
            block.first_position,
            generate_series(0, block.size - 1) AS slot,
            unnest(mean.confidence) AS confidence,
            unnest(mean.aum) AS aum,
            unnest(unslice(block.label)) AS label
        FROM (
            SELECT
                signal_mean_block.ensemble,
                signal_mean_block.ensemble_id,
                signal_mean_block.dataset_id,
                signal_mean_block.block,
                signal_mean_block.split,
                -- The largest of one.
                max(signal_mean_block.mean) FILTER (WHERE signal_mean_block.signal = 'confidence')
                    AS confidence,
                max(signal_mean_block.mean) FILTER (WHERE signal_mean_block.signal = 'margin')
                    AS aum
            FROM signal_mean_block
            WHERE signal_mean_block.signal IN ('confidence', 'margin')
            GROUP BY
                signal_mean_block.ensemble,
                signal_mean_block.ensemble_id,
                signal_mean_block.dataset_id,
                signal_mean_block.block,
                signal_mean_block.split
        ) AS mean
        INNER JOIN block ON mean.dataset_id = block.dataset_id AND mean.block = block.block
        WHERE mean.split = 'train'
    ) AS expanded
) AS evidence
GROUP BY
    evidence.ensemble,
    evidence.ensemble_id,
    evidence.split,
    evidence.example_id,
    evidence.position,
    evidence.label,
    evidence.block
HAVING
    label_error_score(
        coalesce(max(evidence.confidence), max(evidence.accessibility)),
        max(evidence.consensus_share)
    ) IS NOT NULL;

COMMENT ON VIEW suspected_label_errors IS
'Training examples whose label the ensemble hardly ever believed, agreeing on another class.';
COMMENT ON COLUMN suspected_label_errors.consensus_class IS
'Class that most runs predict in the end: what the label may have to be.';
COMMENT ON COLUMN suspected_label_errors.consensus_share IS 'Share of the runs that predict it.';
COMMENT ON COLUMN suspected_label_errors.label_share IS
'Share of the runs that predict the label in the end.';
COMMENT ON COLUMN suspected_label_errors.accessibility IS
'Mean over evaluations of the share of runs that are right.';
COMMENT ON COLUMN suspected_label_errors.score IS
'consensus_share - confidence (or accessibility), above 0.4; order by it, the most suspect is 1.';
COMMENT ON COLUMN suspected_label_errors.confidence IS
'Mean over runs and evaluations of the probability of the label, at most 0.1: see data_map.';
COMMENT ON COLUMN suspected_label_errors.aum IS
'Mean over runs and evaluations of the margin, low is suspect: see aum.';
COMMENT ON COLUMN suspected_label_errors.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN suspected_label_errors.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN suspected_label_errors.split IS 'Always train.';
COMMENT ON COLUMN suspected_label_errors.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN suspected_label_errors.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN suspected_label_errors.label IS 'Index of the labelled class.';
COMMENT ON COLUMN suspected_label_errors.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
