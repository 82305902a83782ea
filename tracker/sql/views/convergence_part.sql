-- convergence_part: from which evaluation on each run predicts what it predicts at the end
-- Grain: one row per (run, block) with an evaluation whose predicted classes are known.
-- Source: iteration learned, Baldock 2021 s.3.2; see the function bitslice_convergence.
--
-- What convergence_block is made of. `part`, 0 to 3, tells four shares of the runs apart.

CREATE VIEW convergence_part AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    counted_run.run_id,
    counted_run.seed,
    outcome_block.block,
    counted_run.run_id % 4 AS part,
    count(*)::INTEGER AS evaluations,
    extent.planes,
    bitslice_convergence(
        array_agg(outcome_block.predicted ORDER BY outcome_block.evaluation),
        array_agg(outcome_block.evaluation ORDER BY outcome_block.evaluation),
        extent.planes
    ) AS converged,
    block.split
FROM counted_run
INNER JOIN (
    -- As many digits as the last ordinal has, one at least.
    SELECT
        ensemble_evaluation.ensemble_id,
        ensemble_evaluation.ensemble,
        length(ltrim(greatest(max(ensemble_evaluation.evaluation), 1)::BIT(32)::TEXT, '0'))
            AS planes
    FROM ensemble_evaluation
    GROUP BY ensemble_evaluation.ensemble_id, ensemble_evaluation.ensemble
) AS extent
    ON
        counted_run.ensemble_id = extent.ensemble_id
        AND counted_run.ensemble = extent.ensemble
INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
WHERE outcome_block.predicted IS NOT NULL
GROUP BY
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    counted_run.run_id,
    counted_run.seed,
    outcome_block.block,
    block.split,
    extent.planes;

COMMENT ON VIEW convergence_part IS
'When each run''s predictions of a block of examples settle, as bit slices.';
COMMENT ON COLUMN convergence_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN convergence_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN convergence_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN convergence_part.run_id IS 'Id of the run.';
COMMENT ON COLUMN convergence_part.seed IS 'Seed of the run.';
COMMENT ON COLUMN convergence_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN convergence_part.part IS 'Share of the runs, 0 to 3.';
COMMENT ON COLUMN convergence_part.evaluations IS
'Evaluations that the run has recorded, with predicted classes.';
COMMENT ON COLUMN convergence_part.planes IS
'Slices of an ordinal, the same in the whole ensemble.';
COMMENT ON COLUMN convergence_part.converged IS
'Slices: evaluation from which on the prediction is the final one; 0 if always.';
COMMENT ON COLUMN convergence_part.split IS 'Split of the block: train or test.';
