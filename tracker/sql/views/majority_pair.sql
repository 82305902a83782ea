-- majority_pair: what the majority votes of two ensembles have right, at any two evaluations
-- Grain: one row per (ensemble, other ensemble of the same dataset, split, evaluation of the one,
-- evaluation of the other).
-- Source: Hacohen 2020 s.4.1, Fig. 8a; the majority vote as in majority_block.
--
-- both_or_only is this at matched evaluations. Others are asked for as in Fig. 8a beyond the dashed
-- line, where "subsequent epochs of ResNet-50 are compared to the final epoch of AlexNet", or with
-- another tolerance: WHERE accuracies_match(accuracy_a, accuracy_b, 0.02).
-- All runs vote, whether they trained on an example or held it out; tp_agreement tells them apart
-- in each ensemble.
-- Never NULL; ensembles without predicted classes have no rows. Each pair of ensembles stands in
-- both orders; ensembles of different datasets have no rows: see matched_evaluations.

CREATE VIEW majority_pair AS
SELECT
    counts.ensemble_a,
    counts.ensemble_a_id,
    counts.ensemble_b,
    counts.ensemble_b_id,
    counts.split,
    counts.evaluation_a,
    counts.evaluation_b,
    counts.right_a::DOUBLE PRECISION / counts.runs_a / counts.examples AS accuracy_a,
    counts.right_b::DOUBLE PRECISION / counts.runs_b / counts.examples AS accuracy_b,
    counts.examples::INTEGER AS examples,
    counts.both_right::INTEGER AS both_right,
    (counts.majority_a - counts.both_right)::INTEGER AS only_a,
    (counts.majority_b - counts.both_right)::INTEGER AS only_b,
    (counts.examples - counts.majority_a - counts.majority_b + counts.both_right)::INTEGER
        AS neither
FROM (
    SELECT
        one.ensemble AS ensemble_a,
        one.ensemble_id AS ensemble_a_id,
        other.ensemble AS ensemble_b,
        other.ensemble_id AS ensemble_b_id,
        one.split,
        one.evaluation AS evaluation_a,
        other.evaluation AS evaluation_b,
        one.runs AS runs_a,
        other.runs AS runs_b,
        sum(one.size) AS examples,
        sum(one.right_answers) AS right_a,
        sum(other.right_answers) AS right_b,
        sum(bit_count(one.correct)) AS majority_a,
        sum(bit_count(other.correct)) AS majority_b,
        sum(bit_count(one.correct & other.correct)) AS both_right
    FROM majority_block AS one
    INNER JOIN majority_block AS other
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
        one.runs,
        other.runs
) AS counts;

COMMENT ON VIEW majority_pair IS
'Examples that the majority votes of two ensembles have right, at any two evaluations.';
COMMENT ON COLUMN majority_pair.ensemble_a IS 'Name of one ensemble.';
COMMENT ON COLUMN majority_pair.ensemble_a_id IS 'Id of ensemble_a.';
COMMENT ON COLUMN majority_pair.ensemble_b IS 'Name of the other ensemble.';
COMMENT ON COLUMN majority_pair.ensemble_b_id IS 'Id of ensemble_b.';
COMMENT ON COLUMN majority_pair.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN majority_pair.evaluation_a IS 'Ordinal of the evaluation of ensemble_a.';
COMMENT ON COLUMN majority_pair.evaluation_b IS 'Ordinal of the evaluation of ensemble_b.';
COMMENT ON COLUMN majority_pair.accuracy_a IS 'Mean accuracy of the runs of ensemble_a.';
COMMENT ON COLUMN majority_pair.accuracy_b IS 'Mean accuracy of the runs of ensemble_b.';
COMMENT ON COLUMN majority_pair.examples IS 'Examples of the split.';
COMMENT ON COLUMN majority_pair.both_right IS 'Those that both majority votes have right.';
COMMENT ON COLUMN majority_pair.only_a IS 'Those that only that of ensemble_a has right.';
COMMENT ON COLUMN majority_pair.only_b IS 'Those that only that of ensemble_b has right.';
COMMENT ON COLUMN majority_pair.neither IS 'Those that none of the two has right.';
