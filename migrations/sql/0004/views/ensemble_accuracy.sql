-- ensemble_accuracy: mean accuracy of an ensemble's runs at each evaluation
-- Grain: one row per (ensemble, split, evaluation) that at least one counted run has recorded.
-- Source: the mean over runs of the accuracy, which is the mean over examples of Tp-agreement
-- (Hacohen 2020 s.2).
--
-- `accuracy` is that on all examples of the split, also on those of train that a run holds out
-- (--split 90:10, parts:K): trained_on_accuracy and held_out_accuracy tell them apart. Evaluations
-- of two ensembles are matched by `accuracy`: see accuracies_match.
-- NULL: trained_on_accuracy where no run trains on the split, held_out_accuracy where all train on
-- all of it.

CREATE VIEW ensemble_accuracy AS
SELECT
    tally.ensemble,
    tally.ensemble_id,
    tally.dataset_id,
    tally.split,
    tally.evaluation,
    tally.runs,
    tally.correct::DOUBLE PRECISION / tally.examples AS accuracy,
    (tally.correct - tally.held_out_correct)::DOUBLE PRECISION
    / nullif(tally.examples - tally.held_out, 0) AS trained_on_accuracy,
    tally.held_out_correct::DOUBLE PRECISION / nullif(tally.held_out, 0) AS held_out_accuracy
FROM (
    SELECT
        counted_run.ensemble,
        counted_run.ensemble_id,
        counted_run.dataset_id,
        block.split,
        outcome_block.evaluation,
        count(DISTINCT counted_run.run_id)::INTEGER AS runs,
        sum(bit_count(outcome_block.correct)) AS correct,
        sum(block.size) AS examples,
        sum(
            CASE
                WHEN run_block.held_out IS NOT NULL THEN bit_count(run_block.held_out)
                WHEN block.split = 'train' THEN 0
                ELSE block.size
            END
        ) AS held_out,
        sum(
            CASE
                WHEN run_block.held_out IS NOT NULL
                    THEN bit_count(outcome_block.correct & run_block.held_out)
                WHEN block.split = 'train' THEN 0
                ELSE bit_count(outcome_block.correct)
            END
        ) AS held_out_correct
    FROM counted_run
    INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
    INNER JOIN block
        ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
    LEFT JOIN run_block
        ON outcome_block.run_id = run_block.run_id AND outcome_block.block = run_block.block
    GROUP BY
        counted_run.ensemble,
        counted_run.ensemble_id,
        counted_run.dataset_id,
        block.split,
        outcome_block.evaluation
) AS tally;

COMMENT ON VIEW ensemble_accuracy IS
'Mean accuracy of the runs of each ensemble on each split at each evaluation.';
COMMENT ON COLUMN ensemble_accuracy.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN ensemble_accuracy.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN ensemble_accuracy.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN ensemble_accuracy.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN ensemble_accuracy.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN ensemble_accuracy.runs IS 'Counted runs that have recorded it.';
COMMENT ON COLUMN ensemble_accuracy.accuracy IS
'Mean over them of the share of examples that are right, from 0 to 1.';
COMMENT ON COLUMN ensemble_accuracy.trained_on_accuracy IS
'Share right of all that the runs say of examples that they train on; NULL if there are none.';
COMMENT ON COLUMN ensemble_accuracy.held_out_accuracy IS
'The same of examples that they do not train on; NULL if there are none.';
