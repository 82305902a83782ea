-- agreement_histogram: how many examples have each agreement, beside the null model
-- Grain: one row per (ensemble, split, evaluation, number of runs that agree), 1 to all runs.
-- Source: Hacohen 2020 s.3.4 and Fig. 5. The null model is that of runs with the same accuracies
-- that are right independently of each other, and wrong as any other class, computed exactly: see
-- agreement_null. On the split train that is not to be expected of runs of one part: see
-- tp_agreement_histogram.
--
-- All runs count, whether they trained on an example or held it out: histogram and null model need
-- the same runs for all examples. agreement_by_held_out tells them apart.
-- Never NULL; values that no example has stand with 0 examples.

CREATE VIEW agreement_histogram AS
SELECT
    bar.ensemble,
    bar.ensemble_id,
    bar.split,
    bar.evaluation,
    bar.runs,
    bar.runs_agreeing,
    bar.runs_agreeing::DOUBLE PRECISION / bar.runs AS agreement,
    sum(bar.examples)::INTEGER AS examples,
    sum(bar.null_examples) AS null_examples
FROM (
    SELECT
        agreement_block.ensemble,
        agreement_block.ensemble_id,
        agreement_block.split,
        agreement_block.evaluation,
        agreement_block.runs,
        bucket.value AS runs_agreeing,
        bucket.examples,
        0::DOUBLE PRECISION AS null_examples
    FROM agreement_block
    INNER JOIN block
        ON agreement_block.dataset_id = block.dataset_id AND agreement_block.block = block.block
    CROSS JOIN LATERAL bitslice_histogram(agreement_block.agreeing) AS bucket
    -- A union added up, where a join would be free to count the votes again for each row of the
    -- null model, which has all values.
    UNION ALL
    SELECT
        null_model.ensemble,
        null_model.ensemble_id,
        null_model.split,
        null_model.evaluation,
        null_model.runs,
        mass.place::INTEGER AS runs_agreeing,
        0 AS examples,
        null_model.examples * mass.probability AS null_examples
    FROM (
        SELECT
            voter.ensemble,
            voter.ensemble_id,
            voter.split,
            voter.evaluation,
            max(voter.examples) AS examples,
            count(*)::INTEGER AS runs,
            array_agg(voter.accuracy ORDER BY voter.run_id) AS accuracies
        FROM (
            -- The accuracies of the runs that vote: those whose predicted classes are known.
            SELECT
                counted_run.ensemble,
                counted_run.ensemble_id,
                counted_run.run_id,
                scored.split,
                outcome_block.evaluation,
                sum(scored.size) AS examples,
                sum(bit_count(outcome_block.correct))::DOUBLE PRECISION / sum(scored.size)
                    AS accuracy
            FROM counted_run
            INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
            INNER JOIN block AS scored
                ON
                    counted_run.dataset_id = scored.dataset_id
                    AND outcome_block.block = scored.block
            WHERE outcome_block.predicted IS NOT NULL
            GROUP BY
                counted_run.ensemble,
                counted_run.ensemble_id,
                counted_run.run_id,
                scored.split,
                outcome_block.evaluation
        ) AS voter
        GROUP BY voter.ensemble, voter.ensemble_id, voter.split, voter.evaluation
    ) AS null_model
    INNER JOIN (
        -- What does not depend on the evaluation, once for each ensemble.
        SELECT
            counted_run.ensemble,
            counted_run.ensemble_id,
            largest_box(count(*)::INTEGER, dataset.num_classes - 1) AS boxes
        FROM counted_run
        INNER JOIN dataset ON counted_run.dataset_id = dataset.id
        GROUP BY counted_run.ensemble, counted_run.ensemble_id, dataset.num_classes
    ) AS chance
        ON
            null_model.ensemble_id = chance.ensemble_id
            AND null_model.ensemble = chance.ensemble
    CROSS JOIN
        LATERAL unnest(agreement_null(null_model.accuracies, chance.boxes))
        WITH ORDINALITY AS mass (probability, place)
) AS bar
GROUP BY
    bar.ensemble, bar.ensemble_id, bar.split, bar.evaluation, bar.runs, bar.runs_agreeing;

COMMENT ON VIEW agreement_histogram IS
'Distribution of agreement over the examples at each evaluation, beside the null model.';
COMMENT ON COLUMN agreement_histogram.runs IS
'Counted runs that have recorded the evaluation, with predicted classes.';
COMMENT ON COLUMN agreement_histogram.runs_agreeing IS
'Number of runs that predict the most frequent class.';
COMMENT ON COLUMN agreement_histogram.agreement IS 'runs_agreeing / runs, above 0, at most 1.';
COMMENT ON COLUMN agreement_histogram.examples IS 'Examples with this agreement.';
COMMENT ON COLUMN agreement_histogram.null_examples IS
'Expected number if the runs were right independently, and wrong as any other class.';
COMMENT ON COLUMN agreement_histogram.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN agreement_histogram.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN agreement_histogram.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN agreement_histogram.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
