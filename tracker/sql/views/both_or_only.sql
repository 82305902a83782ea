-- both_or_only: at equal accuracy, do two ensembles have the same examples right?
-- Grain: one row per (ensemble, other ensemble of the same dataset, split, evaluation of the one,
-- evaluation of the other) that are matched: accurate alike within 1 percentage point.
-- Source: examples that both ensembles' majority votes classify correctly, or only one, Hacohen
-- 2020 s.4.1, Fig. 8a; the majority vote as in majority_block.
--
-- All runs vote, whether they trained on an example or held it out; tp_agreement tells them apart
-- in each ensemble.
-- Never NULL; ensembles without predicted classes have no rows. Each pair of ensembles stands in
-- both orders; ensembles of different datasets have no rows: see matched_evaluations.
-- majority_pair has the same at evaluations that are not matched.

CREATE VIEW both_or_only AS
SELECT
    majority_pair.ensemble_a,
    majority_pair.ensemble_a_id,
    majority_pair.ensemble_b,
    majority_pair.ensemble_b_id,
    majority_pair.split,
    majority_pair.evaluation_a,
    majority_pair.evaluation_b,
    majority_pair.accuracy_a,
    majority_pair.accuracy_b,
    majority_pair.examples,
    majority_pair.both_right,
    majority_pair.only_a,
    majority_pair.only_b,
    majority_pair.neither
FROM majority_pair
WHERE accuracies_match(majority_pair.accuracy_a, majority_pair.accuracy_b);

COMMENT ON VIEW both_or_only IS
'Examples that the majority votes of two equally accurate ensembles have right.';
COMMENT ON COLUMN both_or_only.ensemble_a IS 'Name of one ensemble.';
COMMENT ON COLUMN both_or_only.ensemble_a_id IS 'Id of ensemble_a.';
COMMENT ON COLUMN both_or_only.ensemble_b IS 'Name of the other ensemble.';
COMMENT ON COLUMN both_or_only.ensemble_b_id IS 'Id of ensemble_b.';
COMMENT ON COLUMN both_or_only.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN both_or_only.evaluation_a IS 'Ordinal of the evaluation of ensemble_a.';
COMMENT ON COLUMN both_or_only.evaluation_b IS 'Ordinal of the evaluation of ensemble_b.';
COMMENT ON COLUMN both_or_only.accuracy_a IS 'Mean accuracy of the runs of ensemble_a.';
COMMENT ON COLUMN both_or_only.accuracy_b IS 'Mean accuracy of the runs of ensemble_b.';
COMMENT ON COLUMN both_or_only.examples IS 'Examples of the split.';
COMMENT ON COLUMN both_or_only.both_right IS 'Those that both majority votes have right.';
COMMENT ON COLUMN both_or_only.only_a IS 'Those that only that of ensemble_a has right.';
COMMENT ON COLUMN both_or_only.only_b IS 'Those that only that of ensemble_b has right.';
COMMENT ON COLUMN both_or_only.neither IS 'Those that none of the two has right.';
