-- cross_consistency_histogram: how many examples have each Tp-agreement of two ensembles merged
-- Grain: one row per (ensemble, other ensemble of the same dataset, split, evaluation of the one,
-- evaluation of the other) that are matched, and number of runs that are right, 0 to all runs of
-- both.
-- Source: cross-consistency, Hacohen 2019 s.4.1, Fig. 6a,b: "for each [matched] pair of epochs, we
-- merge the corresponding collections of the two architectures and compute the consistency of the
-- merged collection". Every run counts the same, so the larger ensemble counts for more.
--
-- All runs count, whether they trained on an example or held it out; tp_agreement tells them apart
-- in each ensemble.
-- Never NULL; values that no example has stand with 0 examples. Each pair of ensembles stands in
-- both orders; ensembles of different datasets have no rows: see matched_evaluations. The function
-- cross_consistency_of has the examples' own values, at any two evaluations.

CREATE VIEW cross_consistency_histogram AS
SELECT
    merged.ensemble_a,
    merged.ensemble_a_id,
    merged.ensemble_b,
    merged.ensemble_b_id,
    merged.split,
    merged.evaluation_a,
    merged.evaluation_b,
    merged.runs,
    bar.place::INTEGER - 1 AS runs_correct,
    (bar.place - 1)::DOUBLE PRECISION / merged.runs AS cross_consistency,
    sum(bar.examples)::INTEGER AS examples
FROM (
    SELECT
        one.ensemble AS ensemble_a,
        one.ensemble_id AS ensemble_a_id,
        other.ensemble AS ensemble_b,
        other.ensemble_id AS ensemble_b_id,
        one.split,
        one.evaluation AS evaluation_a,
        other.evaluation AS evaluation_b,
        one.runs + other.runs AS runs,
        bitslice_tally(bitslice_add(one.correct, other.correct), one.runs + other.runs) AS tally
    FROM comparison_block AS one
    INNER JOIN comparison_block AS other
        ON
            one.dataset_id = other.dataset_id
            AND one.block = other.block
            AND one.ensemble_id <> other.ensemble_id
            AND accuracies_match(one.accuracy, other.accuracy)
) AS merged
CROSS JOIN LATERAL unnest(merged.tally) WITH ORDINALITY AS bar (examples, place)
GROUP BY
    merged.ensemble_a,
    merged.ensemble_a_id,
    merged.ensemble_b,
    merged.ensemble_b_id,
    merged.split,
    merged.evaluation_a,
    merged.evaluation_b,
    merged.runs,
    bar.place;

COMMENT ON VIEW cross_consistency_histogram IS
'Distribution of Tp-agreement of two equally accurate ensembles merged (Hacohen 2019 s.4.1).';
COMMENT ON COLUMN cross_consistency_histogram.ensemble_a IS 'Name of one ensemble.';
COMMENT ON COLUMN cross_consistency_histogram.ensemble_a_id IS 'Id of ensemble_a.';
COMMENT ON COLUMN cross_consistency_histogram.ensemble_b IS 'Name of the other ensemble.';
COMMENT ON COLUMN cross_consistency_histogram.ensemble_b_id IS 'Id of ensemble_b.';
COMMENT ON COLUMN cross_consistency_histogram.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN cross_consistency_histogram.evaluation_a IS
'Ordinal of the evaluation of ensemble_a.';
COMMENT ON COLUMN cross_consistency_histogram.evaluation_b IS
'Ordinal of the evaluation of ensemble_b.';
COMMENT ON COLUMN cross_consistency_histogram.runs IS
'Counted runs of both ensembles that have recorded these evaluations.';
COMMENT ON COLUMN cross_consistency_histogram.runs_correct IS 'Number of runs that are right.';
COMMENT ON COLUMN cross_consistency_histogram.cross_consistency IS
'runs_correct / runs, from 0 to 1.';
COMMENT ON COLUMN cross_consistency_histogram.examples IS 'Examples with this number.';
