-- bimodality: how two-peaked Tp-agreement and agreement of an ensemble are, beside the null models
-- Grain: one row per (ensemble, split, evaluation) that at least one counted run has recorded.
-- Source: kurtosis - skewness^2 - 1 (Pearson 1894), Hacohen 2020 s.2; population moments,
-- kurtosis not excess. Lower is more bimodal; 0 for two points.
--
-- All runs count, whether they trained on an example or held it out: scores and null models need
-- the same runs for all examples. tp_agreement and agreement_by_held_out tell them apart.
-- NULL: the bimodalities where all examples have the same score (no variance); agreement's columns
-- where no run's predicted classes are known. These take longer, and Postgres leaves them out of a
-- query that does not name them.

CREATE VIEW bimodality AS
SELECT
    central.ensemble,
    central.ensemble_id,
    central.split,
    central.evaluation,
    central.runs,
    central.tp_agreement,
    central.bimodality,
    central.null_bimodality,
    agreement_bimodality.agreement,
    agreement_bimodality.null_agreement,
    agreement_bimodality.bimodality AS agreement_bimodality,
    agreement_bimodality.null_bimodality AS null_agreement_bimodality
FROM (
    SELECT
        bar.ensemble,
        bar.ensemble_id,
        bar.split,
        bar.evaluation,
        bar.runs,
        sum(bar.examples * bar.tp_agreement) / sum(bar.examples) AS tp_agreement,
        pearson_bimodality(
            array_agg(bar.examples::DOUBLE PRECISION ORDER BY bar.runs_correct)
        ) AS bimodality,
        pearson_bimodality(array_agg(bar.null_examples ORDER BY bar.runs_correct))
            AS null_bimodality
    FROM tp_agreement_histogram AS bar
    GROUP BY bar.ensemble, bar.ensemble_id, bar.split, bar.evaluation, bar.runs
) AS central
LEFT JOIN agreement_bimodality
    ON
        central.ensemble = agreement_bimodality.ensemble
        AND central.ensemble_id = agreement_bimodality.ensemble_id
        AND central.split = agreement_bimodality.split
        AND central.evaluation = agreement_bimodality.evaluation
        -- Once more as expressions. Postgres leaves the join out where nobody asks for its columns,
        -- if it sees that a row has one partner at most; but a column that the query compares with
        -- a constant is no longer part of the join by then.
        AND central.ensemble || '' = agreement_bimodality.ensemble
        AND central.ensemble_id + 0 = agreement_bimodality.ensemble_id
        AND central.split || '' = agreement_bimodality.split
        AND central.evaluation + 0 = agreement_bimodality.evaluation;

COMMENT ON VIEW bimodality IS
'Bimodality of Tp-agreement and agreement at each evaluation, beside that of independent runs.';
COMMENT ON COLUMN bimodality.runs IS 'Counted runs that have recorded the evaluation.';
COMMENT ON COLUMN bimodality.tp_agreement IS
'Mean Tp-agreement: the mean accuracy of the runs, of the null model too.';
COMMENT ON COLUMN bimodality.bimodality IS 'Observed; lower is more bimodal.';
COMMENT ON COLUMN bimodality.null_bimodality IS 'Of runs that are right independently.';
COMMENT ON COLUMN bimodality.agreement IS
'Mean over the examples of the largest share of runs that predict one class.';
COMMENT ON COLUMN bimodality.null_agreement IS
'The same if the runs were right independently, and wrong as any other class.';
COMMENT ON COLUMN bimodality.agreement_bimodality IS 'Observed, of agreement.';
COMMENT ON COLUMN bimodality.null_agreement_bimodality IS 'Of agreement of such runs.';
COMMENT ON COLUMN bimodality.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN bimodality.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN bimodality.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN bimodality.evaluation IS 'Ordinal of the evaluation; 0 is the untrained network.';
