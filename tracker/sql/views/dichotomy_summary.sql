-- dichotomy_summary: how many examples all runs get right, none, or some, beside the null model
-- Grain: one row per (ensemble, split, evaluation) that at least one counted run has recorded.
-- Source: Meding 2022 Fig. 2. The null model is that of runs with the same accuracies that are
-- right independently of each other: Poisson-binomial, p^N and (1 - p)^N where they are equal. On
-- the split train that is not to be expected of runs of one part: see tp_agreement_histogram.
--
-- All runs count, whether they trained on an example or held it out: the null model needs the same
-- runs for all examples. dichotomy tells them apart.
-- Never NULL. With a tolerance: the function dichotomy_summary_at(ensemble, tolerance).

CREATE VIEW dichotomy_summary AS
SELECT
    ensemble.name AS ensemble,
    ensemble.id AS ensemble_id,
    summary.split,
    summary.evaluation,
    summary.runs,
    summary.examples,
    summary.trivial,
    summary.in_between,
    summary.impossible,
    summary.trivial_share,
    summary.in_between_share,
    summary.impossible_share,
    summary.null_trivial_share,
    summary.null_in_between_share,
    summary.null_impossible_share
FROM ensemble
CROSS JOIN LATERAL dichotomy_summary_at(ensemble.name, 0) AS summary;

COMMENT ON VIEW dichotomy_summary IS
'How many examples are right in all runs, in none or in between, beside independent runs.';
COMMENT ON COLUMN dichotomy_summary.runs IS 'Counted runs that have recorded the evaluation.';
COMMENT ON COLUMN dichotomy_summary.examples IS 'Examples of the split.';
COMMENT ON COLUMN dichotomy_summary.trivial IS 'Examples that are right in all runs.';
COMMENT ON COLUMN dichotomy_summary.in_between IS 'Examples that are right in some.';
COMMENT ON COLUMN dichotomy_summary.impossible IS 'Examples that are right in none.';
COMMENT ON COLUMN dichotomy_summary.trivial_share IS 'trivial / examples.';
COMMENT ON COLUMN dichotomy_summary.in_between_share IS 'in_between / examples.';
COMMENT ON COLUMN dichotomy_summary.impossible_share IS 'impossible / examples.';
COMMENT ON COLUMN dichotomy_summary.null_trivial_share IS
'Expected trivial_share if the runs were right independently, with the same accuracies.';
COMMENT ON COLUMN dichotomy_summary.null_in_between_share IS
'Expected in_between_share if the runs were right independently.';
COMMENT ON COLUMN dichotomy_summary.null_impossible_share IS
'Expected impossible_share if the runs were right independently.';
COMMENT ON COLUMN dichotomy_summary.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN dichotomy_summary.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN dichotomy_summary.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN dichotomy_summary.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
