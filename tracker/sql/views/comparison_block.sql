-- comparison_block: what the views across ensembles compare
-- Grain: one row per (ensemble, block, evaluation) that at least one counted run has recorded.
-- Source: matched evaluations, Hacohen 2020 s.4.1; "easiest" points, those "whose corresponding
-- consistency score is larger than 0.9", Hacohen 2019 s.4.2.
--
-- A building block (slices: see bitslice_sum): tp_block with the mean accuracy on the whole split
-- beside it, by which evaluations of two ensembles are matched. All runs count, whether they
-- trained on an example or held it out.

CREATE VIEW comparison_block AS
SELECT
    counted.ensemble_id,
    counted.ensemble,
    counted.dataset_id,
    counted.block,
    counted.evaluation,
    counted.split,
    counted.size,
    counted.runs,
    sum(counted.right_answers) OVER whole_split
    / (counted.runs * sum(counted.size) OVER whole_split) AS accuracy,
    counted.correct,
    counted.easiest
FROM (
    SELECT
        counted_run.ensemble_id,
        counted_run.ensemble,
        counted_run.dataset_id,
        outcome_block.block,
        outcome_block.evaluation,
        block.split,
        block.size,
        count(*)::INTEGER AS runs,
        sum(bit_count(outcome_block.correct))::DOUBLE PRECISION AS right_answers,
        bitslice_sum(outcome_block.correct) AS correct,
        -- More than nine tenths of the runs, in whole numbers: exactly 0.9 is not above it.
        bitslice_at_least(bitslice_sum(outcome_block.correct), (9 * count(*) / 10 + 1)::INTEGER)
            AS easiest
    FROM counted_run
    INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
    INNER JOIN block
        ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
    GROUP BY
        counted_run.ensemble_id,
        counted_run.ensemble,
        counted_run.dataset_id,
        outcome_block.block,
        outcome_block.evaluation,
        block.split,
        block.size
) AS counted
WINDOW whole_split AS (
    PARTITION BY counted.ensemble_id, counted.ensemble, counted.split, counted.evaluation
);

COMMENT ON VIEW comparison_block IS
'Right answers per example and mean accuracy, for comparing ensembles.';
COMMENT ON COLUMN comparison_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN comparison_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN comparison_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN comparison_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN comparison_block.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN comparison_block.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN comparison_block.size IS 'Examples of the block.';
COMMENT ON COLUMN comparison_block.runs IS 'Counted runs that have recorded the evaluation.';
COMMENT ON COLUMN comparison_block.accuracy IS
'Mean over them of the share of the whole split''s examples that are right.';
COMMENT ON COLUMN comparison_block.correct IS 'Slices of the number of runs that are right.';
COMMENT ON COLUMN comparison_block.easiest IS
'Bitmap: more than 0.9 of the runs are right (Hacohen 2019 s.4.2).';
