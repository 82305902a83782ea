-- run_accuracy: accuracy of each run on each split at each evaluation
-- Grain: one row per (run, split, evaluation) recorded.
--
-- `accuracy` is that on all examples of the split. With --split 90:10 or parts:K a run trains on
-- some examples of the split train only: its accuracies on these and on the others stand beside it.
-- NULL: trained_on_accuracy where it trained on none of the split, held_out_accuracy where on all.

CREATE VIEW run_accuracy AS
SELECT
    tally.ensemble,
    tally.ensemble_id,
    tally.run_id,
    tally.seed,
    tally.split,
    tally.evaluation,
    tally.correct::INTEGER AS correct,
    tally.examples::INTEGER AS examples,
    tally.correct::DOUBLE PRECISION / tally.examples AS accuracy,
    (tally.examples - tally.held_out)::INTEGER AS trained_on_examples,
    (tally.correct - tally.held_out_correct)::DOUBLE PRECISION
    / nullif(tally.examples - tally.held_out, 0) AS trained_on_accuracy,
    tally.held_out::INTEGER AS held_out_examples,
    tally.held_out_correct::DOUBLE PRECISION / nullif(tally.held_out, 0) AS held_out_accuracy
FROM (
    SELECT
        counted_run.ensemble,
        counted_run.ensemble_id,
        counted_run.run_id,
        counted_run.seed,
        block.split,
        outcome_block.evaluation,
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
        counted_run.run_id,
        counted_run.seed,
        block.split,
        outcome_block.evaluation
) AS tally;

COMMENT ON VIEW run_accuracy IS 'Accuracy of each run on each split at each evaluation.';
COMMENT ON COLUMN run_accuracy.correct IS 'Examples classified correctly.';
COMMENT ON COLUMN run_accuracy.examples IS 'Examples scored.';
COMMENT ON COLUMN run_accuracy.accuracy IS 'correct / examples, from 0 to 1.';
COMMENT ON COLUMN run_accuracy.trained_on_examples IS
'Examples of the split that the run trains on: none of splits other than train.';
COMMENT ON COLUMN run_accuracy.trained_on_accuracy IS 'Accuracy on them; NULL if there are none.';
COMMENT ON COLUMN run_accuracy.held_out_examples IS
'Examples of the split that the run does not train on.';
COMMENT ON COLUMN run_accuracy.held_out_accuracy IS 'Accuracy on them; NULL if there are none.';
COMMENT ON COLUMN run_accuracy.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_accuracy.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_accuracy.run_id IS 'Id of the run.';
COMMENT ON COLUMN run_accuracy.seed IS 'Seed of the run.';
COMMENT ON COLUMN run_accuracy.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN run_accuracy.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
