-- tp_agreement_histogram: how many examples have each Tp-agreement, beside the null model
-- Grain: one row per (ensemble, split, evaluation, number of runs that are right), 0 to all runs.
-- Source: Hacohen 2020 Fig. 3. The null model (Hacohen 2020 s.3.1, Meding 2022) is that of runs
-- with the same accuracies that are right independently of each other: Poisson-binomial, computed
-- exactly. Where runs hold out some of the split train, their accuracies are those on all of it;
-- runs of one part (--split parts:K, part:N/K) hold out the same and are not independent there.
--
-- All runs count, whether they trained on an example or held it out: histogram and null model need
-- the same runs for all examples. tp_agreement tells them apart.
-- Never NULL; values that no example has stand with 0 examples.

CREATE VIEW tp_agreement_histogram AS
SELECT
    null_model.ensemble,
    null_model.ensemble_id,
    null_model.split,
    null_model.evaluation,
    null_model.runs,
    mass.place::INTEGER - 1 AS runs_correct,
    (mass.place - 1)::DOUBLE PRECISION / null_model.runs AS tp_agreement,
    coalesce(observed.examples, 0)::INTEGER AS examples,
    null_model.examples * mass.probability AS null_examples
FROM (
    SELECT
        run_accuracy.ensemble,
        run_accuracy.ensemble_id,
        run_accuracy.split,
        run_accuracy.evaluation,
        max(run_accuracy.examples) AS examples,
        count(*)::INTEGER AS runs,
        poisson_binomial(array_agg(run_accuracy.accuracy ORDER BY run_accuracy.run_id))
            AS probabilities
    FROM run_accuracy
    GROUP BY
        run_accuracy.ensemble,
        run_accuracy.ensemble_id,
        run_accuracy.split,
        run_accuracy.evaluation
) AS null_model
CROSS JOIN
    LATERAL unnest(null_model.probabilities) WITH ORDINALITY AS mass (probability, place)
LEFT JOIN (
    SELECT
        tp_block.ensemble,
        tp_block.ensemble_id,
        tp_block.split,
        tp_block.evaluation,
        bucket.value,
        sum(bucket.examples) AS examples
    FROM tp_block
    INNER JOIN block
        ON tp_block.dataset_id = block.dataset_id AND tp_block.block = block.block
    CROSS JOIN LATERAL bitslice_histogram(tp_block.correct) AS bucket
    GROUP BY
        tp_block.ensemble,
        tp_block.ensemble_id,
        tp_block.split,
        tp_block.evaluation,
        bucket.value
) AS observed
    ON
        null_model.ensemble = observed.ensemble
        AND null_model.ensemble_id = observed.ensemble_id
        AND null_model.split = observed.split
        AND null_model.evaluation = observed.evaluation
        AND mass.place = observed.value + 1;

COMMENT ON VIEW tp_agreement_histogram IS
'Distribution of Tp-agreement over the examples at each evaluation, beside the null model.';
COMMENT ON COLUMN tp_agreement_histogram.runs IS 'Counted runs that have recorded it.';
COMMENT ON COLUMN tp_agreement_histogram.runs_correct IS 'Number of runs that are right.';
COMMENT ON COLUMN tp_agreement_histogram.tp_agreement IS 'runs_correct / runs, from 0 to 1.';
COMMENT ON COLUMN tp_agreement_histogram.examples IS 'Examples with this Tp-agreement.';
COMMENT ON COLUMN tp_agreement_histogram.null_examples IS
'Expected number if the runs were right independently, with the same accuracies.';
COMMENT ON COLUMN tp_agreement_histogram.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN tp_agreement_histogram.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN tp_agreement_histogram.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN tp_agreement_histogram.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
