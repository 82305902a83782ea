-- bimodality: how two-peaked the Tp-agreement of an ensemble is, beside the null model
-- Grain: one row per (ensemble, split, evaluation) that at least one counted run has recorded.
-- Source: kurtosis - skewness^2 - 1 (Pearson 1894), Hacohen 2020 s.2; population moments,
-- kurtosis not excess. Lower is more bimodal; 0 for two points.
--
-- NULL where all examples have the same Tp-agreement (no variance).

CREATE VIEW bimodality AS
SELECT
    central.ensemble,
    central.ensemble_id,
    central.split,
    central.evaluation,
    central.runs,
    central.mean AS tp_agreement,
    -- Never below 0 (Pearson 1894) but for the last bits.
    CASE
        WHEN central.m2 > 1e-12
            THEN
                greatest(
                    central.m4 / power(central.m2, 2)
                    - power(central.m3, 2) / power(central.m2, 3) - 1,
                    0
                )
    END AS bimodality,
    CASE
        WHEN central.null_m2 > 1e-12
            THEN
                greatest(
                    central.null_m4 / power(central.null_m2, 2)
                    - power(central.null_m3, 2) / power(central.null_m2, 3) - 1,
                    0
                )
    END AS null_bimodality
FROM (
    SELECT
        bar.ensemble,
        bar.ensemble_id,
        bar.split,
        bar.evaluation,
        bar.runs,
        bar.mean,
        sum(bar.examples * (bar.tp_agreement - bar.mean) ^ 2) / sum(bar.examples) AS m2,
        sum(bar.examples * (bar.tp_agreement - bar.mean) ^ 3) / sum(bar.examples) AS m3,
        sum(bar.examples * (bar.tp_agreement - bar.mean) ^ 4) / sum(bar.examples) AS m4,
        -- Both distributions have the same mean: the mean accuracy of the runs.
        sum(bar.null_examples * (bar.tp_agreement - bar.mean) ^ 2) / sum(bar.examples) AS null_m2,
        sum(bar.null_examples * (bar.tp_agreement - bar.mean) ^ 3) / sum(bar.examples) AS null_m3,
        sum(bar.null_examples * (bar.tp_agreement - bar.mean) ^ 4) / sum(bar.examples) AS null_m4
    FROM (
        SELECT
            tp_agreement_histogram.*,
            sum(tp_agreement_histogram.examples * tp_agreement_histogram.tp_agreement) OVER same
            / sum(tp_agreement_histogram.examples) OVER same AS mean
        FROM tp_agreement_histogram
        WINDOW
            same AS (
                PARTITION BY
                    tp_agreement_histogram.ensemble,
                    tp_agreement_histogram.ensemble_id,
                    tp_agreement_histogram.split,
                    tp_agreement_histogram.evaluation
            )
    ) AS bar
    GROUP BY
        bar.ensemble, bar.ensemble_id, bar.split, bar.evaluation, bar.runs, bar.mean
) AS central;

COMMENT ON VIEW bimodality IS
'Bimodality of Tp-agreement at each evaluation, beside that of independent runs.';
COMMENT ON COLUMN bimodality.runs IS 'Counted runs that have recorded the evaluation.';
COMMENT ON COLUMN bimodality.tp_agreement IS
'Mean Tp-agreement: the mean accuracy of the runs, of the null model too.';
COMMENT ON COLUMN bimodality.bimodality IS 'Observed; lower is more bimodal.';
COMMENT ON COLUMN bimodality.null_bimodality IS 'Of runs that are right independently.';
COMMENT ON COLUMN bimodality.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN bimodality.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN bimodality.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN bimodality.evaluation IS 'Ordinal of the evaluation; 0 is the untrained network.';
