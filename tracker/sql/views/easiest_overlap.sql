-- easiest_overlap: are the examples that two ensembles find easiest the same?
-- Grain: one row per (ensemble, other ensemble of the same dataset, split, evaluation of the one,
-- evaluation of the other).
-- Source: Hacohen 2019 s.4.2, Fig. 7b: the "easiest" points of an epoch are those with Tp-agreement
-- above 0.9. It compares the same epochs (WHERE evaluation_a = evaluation_b), because linear
-- networks converge too early to be matched; equally accurate ones are
-- WHERE accuracies_match(accuracy_a, accuracy_b).
--
-- All runs count, whether they trained on an example or held it out; tp_agreement tells them apart
-- in each ensemble.
-- NULL: jaccard where both sets are empty. Each pair of ensembles stands in both orders; ensembles
-- of different datasets have no rows: see matched_evaluations.

CREATE VIEW easiest_overlap AS
SELECT
    counts.ensemble_a,
    counts.ensemble_a_id,
    counts.ensemble_b,
    counts.ensemble_b_id,
    counts.split,
    counts.evaluation_a,
    counts.evaluation_b,
    counts.accuracy_a,
    counts.accuracy_b,
    counts.examples::INTEGER AS examples,
    counts.easiest_a::INTEGER AS easiest_a,
    counts.easiest_b::INTEGER AS easiest_b,
    counts.shared::INTEGER AS shared,
    counts.shared::DOUBLE PRECISION
    / nullif(counts.easiest_a + counts.easiest_b - counts.shared, 0) AS jaccard,
    counts.easiest_a::DOUBLE PRECISION * counts.easiest_b / counts.examples AS expected
FROM (
    SELECT
        one.ensemble AS ensemble_a,
        one.ensemble_id AS ensemble_a_id,
        other.ensemble AS ensemble_b,
        other.ensemble_id AS ensemble_b_id,
        one.split,
        one.evaluation AS evaluation_a,
        other.evaluation AS evaluation_b,
        one.accuracy AS accuracy_a,
        other.accuracy AS accuracy_b,
        sum(one.size) AS examples,
        sum(bit_count(one.easiest)) AS easiest_a,
        sum(bit_count(other.easiest)) AS easiest_b,
        sum(bit_count(one.easiest & other.easiest)) AS shared
    FROM comparison_block AS one
    INNER JOIN comparison_block AS other
        ON
            one.dataset_id = other.dataset_id
            AND one.block = other.block
            AND one.ensemble_id <> other.ensemble_id
    GROUP BY
        one.ensemble,
        one.ensemble_id,
        other.ensemble,
        other.ensemble_id,
        one.split,
        one.evaluation,
        other.evaluation,
        one.accuracy,
        other.accuracy
) AS counts;

COMMENT ON VIEW easiest_overlap IS
'Examples that more than 0.9 of the runs have right, in two ensembles (Hacohen 2019 s.4.2).';
COMMENT ON COLUMN easiest_overlap.ensemble_a IS 'Name of one ensemble.';
COMMENT ON COLUMN easiest_overlap.ensemble_a_id IS 'Id of ensemble_a.';
COMMENT ON COLUMN easiest_overlap.ensemble_b IS 'Name of the other ensemble.';
COMMENT ON COLUMN easiest_overlap.ensemble_b_id IS 'Id of ensemble_b.';
COMMENT ON COLUMN easiest_overlap.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN easiest_overlap.evaluation_a IS 'Ordinal of the evaluation of ensemble_a.';
COMMENT ON COLUMN easiest_overlap.evaluation_b IS 'Ordinal of the evaluation of ensemble_b.';
COMMENT ON COLUMN easiest_overlap.accuracy_a IS 'Mean accuracy of the runs of ensemble_a.';
COMMENT ON COLUMN easiest_overlap.accuracy_b IS 'Mean accuracy of the runs of ensemble_b.';
COMMENT ON COLUMN easiest_overlap.examples IS 'Examples of the split.';
COMMENT ON COLUMN easiest_overlap.easiest_a IS
'Those that more than 0.9 of the runs of ensemble_a have right.';
COMMENT ON COLUMN easiest_overlap.easiest_b IS
'Those that more than 0.9 of the runs of ensemble_b have right.';
COMMENT ON COLUMN easiest_overlap.shared IS 'Those that are among both.';
COMMENT ON COLUMN easiest_overlap.jaccard IS
'shared by the number that is in one set at least, from 0 to 1.';
COMMENT ON COLUMN easiest_overlap.expected IS
'Number shared by chance: the mean for two sets of these sizes drawn independently.';
