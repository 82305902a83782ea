-- convergence: when an ensemble's predictions of each example settle, right or wrong
-- Grain: one row per (ensemble, example) with an evaluation whose predicted classes are known.
-- Source: iteration learned, Baldock 2021 s.3.2: the smallest t from which on the prediction equals
-- the final one, 0 if it always does. "In order to compare different models and datasets we rescale
-- the iteration learned in each model so that the 95th percentile occurs at 1.0 and network
-- initialization at 0."
--
-- The percentile is that of all (run, example) pairs of the ensemble, of all splits. While an
-- ensemble trains, a run's latest prediction stands for its final one. mean_converged and rescaled
-- are over all runs; beside them, over those that trained on the example and over those that held
-- it out (--split 90:10, --split parts:K, and every split other than train).
-- NULL: rescaled where that percentile is 0 (nearly nothing ever changes),
-- mean_converged_trained_on and mean_converged_held_out where there are no such runs.

CREATE VIEW convergence AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.runs,
    expanded.converged::DOUBLE PRECISION / expanded.runs AS mean_converged,
    expanded.converged::DOUBLE PRECISION / expanded.runs / nullif(expanded.percentile_95, 0)
        AS rescaled,
    expanded.block,
    expanded.runs_held_out,
    (expanded.converged - expanded.converged_held_out)::DOUBLE PRECISION
    / nullif(expanded.runs - expanded.runs_held_out, 0) AS mean_converged_trained_on,
    expanded.converged_held_out::DOUBLE PRECISION / nullif(expanded.runs_held_out, 0)
        AS mean_converged_held_out
FROM (
    SELECT
        number.*,
        CASE
            WHEN number.divided THEN number.held_out
            WHEN number.split = 'train' THEN 0
            ELSE number.runs
        END AS runs_held_out,
        CASE
            WHEN number.divided THEN number.held_out_converged
            WHEN number.split = 'train' THEN 0
            ELSE number.converged
        END AS converged_held_out
    FROM (
        SELECT
            tally.ensemble,
            tally.ensemble_id,
            tally.runs,
            tally.percentile_95,
            block.split,
            tally.block,
            block.first_example,
            block.first_position,
            generate_series(0, block.size - 1) AS slot,
            unnest(unslice(tally.converged)) AS converged,
            unnest(unslice(block.label)) AS label,
            cardinality(tally.held_out) > 0 AS divided,
            -- Columns that have no numbers give NULL.
            unnest(unslice(tally.held_out)) AS held_out,
            unnest(unslice(tally.held_out_converged)) AS held_out_converged
        FROM (
            SELECT
                summed.*,
                tally_percentile(
                    array_agg(summed.tally) OVER (PARTITION BY summed.ensemble_id, summed.ensemble),
                    0.95
                ) AS percentile_95
            FROM (
                SELECT
                    convergence_block.ensemble,
                    convergence_block.ensemble_id,
                    convergence_block.dataset_id,
                    convergence_block.block,
                    count(*)::INTEGER AS runs,
                    bitslice_sum(convergence_block.converged) AS converged,
                    -- '{}' where no run has a bitmap.
                    bitslice_sum(run_block.held_out) AS held_out,
                    bitslice_sum(bitslice_mask(convergence_block.converged, run_block.held_out))
                        AS held_out_converged,
                    tally_total(
                        array_agg(
                            bitslice_tally(
                                convergence_block.converged, (1 << convergence_block.planes) - 1
                            )
                        )
                    ) AS tally
                FROM convergence_block
                LEFT JOIN run_block
                    ON
                        convergence_block.run_id = run_block.run_id
                        AND convergence_block.block = run_block.block
                GROUP BY
                    convergence_block.ensemble,
                    convergence_block.ensemble_id,
                    convergence_block.dataset_id,
                    convergence_block.block
            ) AS summed
        ) AS tally
        INNER JOIN block ON tally.dataset_id = block.dataset_id AND tally.block = block.block
    ) AS number
) AS expanded;

COMMENT ON VIEW convergence IS
'When the predictions of each example settle (iteration learned, Baldock 2021 s.3.2).';
COMMENT ON COLUMN convergence.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN convergence.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN convergence.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN convergence.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN convergence.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN convergence.label IS 'Index of the labelled class.';
COMMENT ON COLUMN convergence.runs IS 'Counted runs with predicted classes.';
COMMENT ON COLUMN convergence.mean_converged IS
'Mean over them of the evaluation from which on the prediction is the final one.';
COMMENT ON COLUMN convergence.rescaled IS
'mean_converged, with the 95th percentile of the ensemble''s runs and examples as 1.';
COMMENT ON COLUMN convergence.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
COMMENT ON COLUMN convergence.runs_held_out IS 'Those runs that held the example out.';
COMMENT ON COLUMN convergence.mean_converged_trained_on IS
'The same as mean_converged, of the runs that trained on the example.';
COMMENT ON COLUMN convergence.mean_converged_held_out IS
'The same as mean_converged, of the runs that held it out.';
