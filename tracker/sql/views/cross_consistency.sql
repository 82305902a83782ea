-- cross_consistency: do equally accurate ensembles agree as one ensemble does?
-- Grain: one row per (ensemble, other ensemble of the same dataset, split, evaluation of the one,
-- evaluation of the other) that are matched: accurate alike within 1 percentage point.
-- Source: Hacohen 2019 s.4.1: bimodality of the Tp-agreement of the merged runs. Its distribution
-- is cross_consistency_histogram; bimodality is that of Hacohen 2020 s.2.
--
-- All runs count, whether they trained on an example or held it out, as in
-- cross_consistency_histogram.
-- NULL: bimodality where all examples have the same value (no variance).

CREATE VIEW cross_consistency AS
SELECT
    cross_consistency_histogram.ensemble_a,
    cross_consistency_histogram.ensemble_a_id,
    cross_consistency_histogram.ensemble_b,
    cross_consistency_histogram.ensemble_b_id,
    cross_consistency_histogram.split,
    cross_consistency_histogram.evaluation_a,
    cross_consistency_histogram.evaluation_b,
    cross_consistency_histogram.runs,
    sum(cross_consistency_histogram.examples * cross_consistency_histogram.cross_consistency)
    / sum(cross_consistency_histogram.examples) AS cross_consistency,
    pearson_bimodality(
        array_agg(
            cross_consistency_histogram.examples::DOUBLE PRECISION
            ORDER BY cross_consistency_histogram.runs_correct
        )
    ) AS bimodality
FROM cross_consistency_histogram
GROUP BY
    cross_consistency_histogram.ensemble_a,
    cross_consistency_histogram.ensemble_a_id,
    cross_consistency_histogram.ensemble_b,
    cross_consistency_histogram.ensemble_b_id,
    cross_consistency_histogram.split,
    cross_consistency_histogram.evaluation_a,
    cross_consistency_histogram.evaluation_b,
    cross_consistency_histogram.runs;

COMMENT ON VIEW cross_consistency IS
'Mean and bimodality of Tp-agreement of two equally accurate ensembles merged.';
COMMENT ON COLUMN cross_consistency.ensemble_a IS 'Name of one ensemble.';
COMMENT ON COLUMN cross_consistency.ensemble_a_id IS 'Id of ensemble_a.';
COMMENT ON COLUMN cross_consistency.ensemble_b IS 'Name of the other ensemble.';
COMMENT ON COLUMN cross_consistency.ensemble_b_id IS 'Id of ensemble_b.';
COMMENT ON COLUMN cross_consistency.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN cross_consistency.evaluation_a IS 'Ordinal of the evaluation of ensemble_a.';
COMMENT ON COLUMN cross_consistency.evaluation_b IS 'Ordinal of the evaluation of ensemble_b.';
COMMENT ON COLUMN cross_consistency.runs IS
'Counted runs of both ensembles that have recorded these evaluations.';
COMMENT ON COLUMN cross_consistency.cross_consistency IS
'Mean over the examples of the share of runs that are right, from 0 to 1.';
COMMENT ON COLUMN cross_consistency.bimodality IS 'Of that share; lower is more bimodal.';
