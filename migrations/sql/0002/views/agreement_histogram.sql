-- agreement_histogram: how many examples have each agreement
-- Grain: one row per (ensemble, split, evaluation, number of runs that agree), 1 to all runs.
-- Source: Hacohen 2020 s.3.4 and Fig. 5.
--
-- Never NULL; values that no example has stand with 0 examples.

CREATE VIEW agreement_histogram AS
SELECT
    observed.ensemble,
    observed.ensemble_id,
    observed.split,
    observed.evaluation,
    observed.runs,
    bar.place::INTEGER AS runs_agreeing,
    bar.place::DOUBLE PRECISION / observed.runs AS agreement,
    bar.examples::INTEGER AS examples
FROM (
    SELECT
        agreement_block.ensemble,
        agreement_block.ensemble_id,
        block.split,
        agreement_block.evaluation,
        agreement_block.runs,
        array_agg(bucket.value) AS values,
        array_agg(bucket.examples) AS examples
    FROM agreement_block
    INNER JOIN block
        ON agreement_block.dataset_id = block.dataset_id AND agreement_block.block = block.block
    CROSS JOIN LATERAL bitslice_histogram(agreement_block.agreeing) AS bucket
    GROUP BY
        agreement_block.ensemble,
        agreement_block.ensemble_id,
        block.split,
        agreement_block.evaluation,
        agreement_block.runs
) AS observed
CROSS JOIN LATERAL (
    SELECT
        step.place,
        coalesce(sum(bucket.examples), 0) AS examples
    FROM generate_series(1, observed.runs) AS step (place)
    LEFT JOIN unnest(observed.values, observed.examples) AS bucket (value, examples)
        ON step.place = bucket.value
    GROUP BY step.place
) AS bar;

COMMENT ON VIEW agreement_histogram IS
'Distribution of agreement over the examples at each evaluation.';
COMMENT ON COLUMN agreement_histogram.runs IS
'Counted runs that have recorded the evaluation, with predicted classes.';
COMMENT ON COLUMN agreement_histogram.runs_agreeing IS
'Number of runs that predict the most frequent class.';
COMMENT ON COLUMN agreement_histogram.agreement IS 'runs_agreeing / runs, above 0, at most 1.';
COMMENT ON COLUMN agreement_histogram.examples IS 'Examples with this agreement.';
COMMENT ON COLUMN agreement_histogram.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN agreement_histogram.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN agreement_histogram.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN agreement_histogram.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
