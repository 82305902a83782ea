-- error_consistency: do two runs err on the same examples, beyond what their accuracies give?
-- Grain: one row per (ensemble, split, evaluation, pair of runs that have recorded it), run_a
-- before run_b.
-- Source: Cohen's kappa of right and wrong, Meding 2022 s.2 (Geirhos 2020).
--
-- All examples of the split count, whether the two runs trained on them or held them out;
-- run_accuracy tells each run's accuracies apart, outcome its answers.
-- NULL: kappa where chance alone explains full consistency (both runs always right, or both always
-- wrong).

CREATE VIEW error_consistency AS
SELECT
    run_pair.ensemble,
    run_pair.ensemble_id,
    run_pair.split,
    run_pair.evaluation,
    run_pair.run_a,
    run_pair.run_b,
    run_pair.seed_a,
    run_pair.seed_b,
    run_pair.examples,
    run_pair.correct_a::DOUBLE PRECISION / run_pair.examples AS accuracy_a,
    run_pair.correct_b::DOUBLE PRECISION / run_pair.examples AS accuracy_b,
    (run_pair.examples - run_pair.correct_a - run_pair.correct_b + 2 * run_pair.both_correct)
    ::DOUBLE PRECISION / run_pair.examples AS observed,
    (
        run_pair.correct_a::DOUBLE PRECISION * run_pair.correct_b
        + (run_pair.examples - run_pair.correct_a)::DOUBLE PRECISION
        * (run_pair.examples - run_pair.correct_b)
    ) / run_pair.examples / run_pair.examples AS expected,
    cohen_kappa(
        run_pair.examples, run_pair.correct_a, run_pair.correct_b, run_pair.both_correct
    ) AS kappa
FROM run_pair;

COMMENT ON VIEW error_consistency IS
'Cohen''s kappa of being right, for each pair of runs at each evaluation (Meding 2022 s.2).';
COMMENT ON COLUMN error_consistency.run_a IS 'Id of one run.';
COMMENT ON COLUMN error_consistency.run_b IS 'Id of the other run, above run_a.';
COMMENT ON COLUMN error_consistency.seed_a IS 'Seed of run_a.';
COMMENT ON COLUMN error_consistency.seed_b IS 'Seed of run_b.';
COMMENT ON COLUMN error_consistency.examples IS 'Examples of the split.';
COMMENT ON COLUMN error_consistency.accuracy_a IS 'Share of the examples that run_a has right.';
COMMENT ON COLUMN error_consistency.accuracy_b IS 'Share of the examples that run_b has right.';
COMMENT ON COLUMN error_consistency.observed IS
'Share of the examples that both have right or both wrong.';
COMMENT ON COLUMN error_consistency.expected IS
'The same share, were the runs right independently with their accuracies.';
COMMENT ON COLUMN error_consistency.kappa IS
'(observed - expected) / (1 - expected): 1 is the same errors, 0 chance.';
COMMENT ON COLUMN error_consistency.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN error_consistency.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN error_consistency.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN error_consistency.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
