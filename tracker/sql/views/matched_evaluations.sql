-- matched_evaluations: evaluations at which two ensembles are equally accurate
-- Grain: one row per (ensemble, other ensemble of the same dataset, split, evaluation of the one,
-- evaluation of the other) whose mean accuracies are within 1 percentage point.
-- Source: Hacohen 2020 s.4.1: each architecture learns at its own pace, so that collections are
-- compared "in matching epochs with equivalent accuracy", not in the same epochs.
--
-- Matched is the accuracy on all examples of the split, whether runs trained on them or held them
-- out; ensemble_accuracy has both accuracies.
-- Never NULL. Each pair of ensembles stands in both orders, so that WHERE ensemble_a = '...' AND
-- ensemble_b = '...' answers whichever comes first. Ensembles of different datasets have no rows,
-- even where the pictures are the same (a subset is a dataset of its own): their examples are not
-- those of each other.
--
-- With another tolerance:
--   SELECT a.evaluation, b.evaluation FROM ensemble_accuracy AS a
--   JOIN ensemble_accuracy AS b USING (dataset_id, split)
--   WHERE a.ensemble = '...' AND b.ensemble = '...'
--     AND accuracies_match(a.accuracy, b.accuracy, 0.02)

CREATE VIEW matched_evaluations AS
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
    one.accuracy AS accuracy_a,
    other.accuracy AS accuracy_b
FROM ensemble_accuracy AS one
INNER JOIN ensemble_accuracy AS other
    ON
        one.dataset_id = other.dataset_id
        AND one.split = other.split
        AND one.ensemble_id <> other.ensemble_id
        AND accuracies_match(one.accuracy, other.accuracy);

COMMENT ON VIEW matched_evaluations IS
'Evaluations at which two ensembles of a dataset are equally accurate (Hacohen 2020 s.4.1).';
COMMENT ON COLUMN matched_evaluations.ensemble_a IS 'Name of one ensemble.';
COMMENT ON COLUMN matched_evaluations.ensemble_a_id IS 'Id of ensemble_a.';
COMMENT ON COLUMN matched_evaluations.ensemble_b IS 'Name of the other ensemble.';
COMMENT ON COLUMN matched_evaluations.ensemble_b_id IS 'Id of ensemble_b.';
COMMENT ON COLUMN matched_evaluations.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN matched_evaluations.evaluation_a IS 'Ordinal of the evaluation of ensemble_a.';
COMMENT ON COLUMN matched_evaluations.evaluation_b IS 'Ordinal of the evaluation of ensemble_b.';
COMMENT ON COLUMN matched_evaluations.runs_a IS 'Counted runs of ensemble_a that recorded it.';
COMMENT ON COLUMN matched_evaluations.runs_b IS 'Counted runs of ensemble_b that recorded it.';
COMMENT ON COLUMN matched_evaluations.accuracy_a IS 'Mean accuracy of the runs of ensemble_a.';
COMMENT ON COLUMN matched_evaluations.accuracy_b IS 'Mean accuracy of the runs of ensemble_b.';
