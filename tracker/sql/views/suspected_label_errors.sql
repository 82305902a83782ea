-- suspected_label_errors: training examples whose label the ensemble contradicts
-- Grain: one row per (ensemble, example) that is suspected; no row for the others.
-- Source: hardly ever right in training (accessibility at most 0.1; impossible ones, Meding 2022,
-- above all), although more than half of the runs predict one other class in the end (consensus
-- class, Baldock 2021 s.3.1). See label_error_score, which takes other thresholds.
--
-- Never NULL. Only of the split train, whose labels the runs were told (with --split, the runs that
-- did not hold the example out; all are counted): networks learn what most labels say before they
-- learn an exception by heart, and an ensemble that has learned all by heart suspects nothing. No
-- rows where predicted classes are not known.

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
    label_error_score(max(evidence.accessibility), max(evidence.consensus_share)) AS score
FROM (
    -- Grouped, not joined: the planner might make one side again for each row of the other.
    SELECT
        consensus.ensemble,
        consensus.ensemble_id,
        consensus.split,
        consensus.example_id,
        consensus.position,
        consensus.label,
        consensus.consensus_class,
        consensus.consensus_share,
        consensus.label_share,
        NULL::DOUBLE PRECISION AS accessibility
    FROM consensus
    WHERE consensus.split = 'train' AND consensus.consensus_class <> consensus.label
    UNION ALL
    SELECT
        accessibility.ensemble,
        accessibility.ensemble_id,
        accessibility.split,
        accessibility.example_id,
        accessibility.position,
        accessibility.label,
        NULL::INTEGER AS consensus_class,
        NULL::DOUBLE PRECISION AS consensus_share,
        NULL::DOUBLE PRECISION AS label_share,
        accessibility.accessibility
    FROM accessibility
    WHERE accessibility.split = 'train'
) AS evidence
GROUP BY
    evidence.ensemble,
    evidence.ensemble_id,
    evidence.split,
    evidence.example_id,
    evidence.position,
    evidence.label
HAVING label_error_score(max(evidence.accessibility), max(evidence.consensus_share)) IS NOT NULL;

COMMENT ON VIEW suspected_label_errors IS
'Training examples that the ensemble hardly ever gets right and agrees to call another class.';
COMMENT ON COLUMN suspected_label_errors.consensus_class IS
'Class that most runs predict in the end: what the label may have to be.';
COMMENT ON COLUMN suspected_label_errors.consensus_share IS 'Share of the runs that predict it.';
COMMENT ON COLUMN suspected_label_errors.label_share IS
'Share of the runs that predict the label in the end.';
COMMENT ON COLUMN suspected_label_errors.accessibility IS
'Mean over evaluations of the share of runs that are right; at most 0.1.';
COMMENT ON COLUMN suspected_label_errors.score IS
'consensus_share - accessibility, above 0.4; order by it, the most suspect is 1.';
COMMENT ON COLUMN suspected_label_errors.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN suspected_label_errors.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN suspected_label_errors.split IS 'Always train.';
COMMENT ON COLUMN suspected_label_errors.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN suspected_label_errors.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN suspected_label_errors.label IS 'Index of the labelled class.';
