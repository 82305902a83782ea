-- agreement_bimodality: how high and how two-peaked agreement is, beside the null model
-- Grain: one row per (ensemble, split, evaluation) for which a counted run's predicted classes are
-- known.
-- Source: Hacohen 2020 s.2, s.3.1 and Fig. 5; the null model as in agreement_histogram.
--
-- All runs count, whether they trained on an example or held it out, as in agreement_histogram.
-- agreement_by_held_out tells them apart.
-- NULL: the bimodalities where all examples have the same agreement (no variance). The view
-- bimodality shows these columns beside those of Tp-agreement.

CREATE VIEW agreement_bimodality AS
SELECT
    agreement_histogram.ensemble,
    agreement_histogram.ensemble_id,
    agreement_histogram.split,
    agreement_histogram.evaluation,
    max(agreement_histogram.runs) AS runs,
    sum(agreement_histogram.examples * agreement_histogram.agreement)
    / sum(agreement_histogram.examples) AS agreement,
    sum(agreement_histogram.null_examples * agreement_histogram.agreement)
    / sum(agreement_histogram.null_examples) AS null_agreement,
    pearson_bimodality(
        array_agg(
            agreement_histogram.examples::DOUBLE PRECISION
            ORDER BY agreement_histogram.runs_agreeing
        )
    ) AS bimodality,
    pearson_bimodality(
        array_agg(agreement_histogram.null_examples ORDER BY agreement_histogram.runs_agreeing)
    ) AS null_bimodality
FROM agreement_histogram
GROUP BY
    agreement_histogram.ensemble,
    agreement_histogram.ensemble_id,
    agreement_histogram.split,
    agreement_histogram.evaluation;

COMMENT ON VIEW agreement_bimodality IS
'Mean and bimodality of agreement at each evaluation, beside those of independent runs.';
COMMENT ON COLUMN agreement_bimodality.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN agreement_bimodality.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN agreement_bimodality.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN agreement_bimodality.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN agreement_bimodality.runs IS
'Counted runs that have recorded the evaluation, with predicted classes.';
COMMENT ON COLUMN agreement_bimodality.agreement IS
'Mean over the examples of the largest share of runs that predict one class.';
COMMENT ON COLUMN agreement_bimodality.null_agreement IS
'The same if the runs were right independently, and wrong as any other class.';
COMMENT ON COLUMN agreement_bimodality.bimodality IS 'Observed; lower is more bimodal.';
COMMENT ON COLUMN agreement_bimodality.null_bimodality IS 'Of such independent runs.';
