-- convergence_block: from which evaluation on each run predicts what it predicts at the end
-- Grain: one row per (run, block) with an evaluation whose predicted classes are known.
-- Source: iteration learned, Baldock 2021 s.3.2; see the function bitslice_convergence.
--
-- A building block (slices: see bitslice_count). In four shares, as history_block.

CREATE VIEW convergence_block AS
SELECT
    convergence_part.ensemble_id,
    convergence_part.ensemble,
    convergence_part.dataset_id,
    convergence_part.run_id,
    convergence_part.seed,
    convergence_part.block,
    convergence_part.evaluations,
    convergence_part.planes,
    convergence_part.converged,
    convergence_part.split
FROM convergence_part
WHERE convergence_part.part = 0
UNION ALL
SELECT
    convergence_part.ensemble_id,
    convergence_part.ensemble,
    convergence_part.dataset_id,
    convergence_part.run_id,
    convergence_part.seed,
    convergence_part.block,
    convergence_part.evaluations,
    convergence_part.planes,
    convergence_part.converged,
    convergence_part.split
FROM convergence_part
WHERE convergence_part.part = 1
UNION ALL
SELECT
    convergence_part.ensemble_id,
    convergence_part.ensemble,
    convergence_part.dataset_id,
    convergence_part.run_id,
    convergence_part.seed,
    convergence_part.block,
    convergence_part.evaluations,
    convergence_part.planes,
    convergence_part.converged,
    convergence_part.split
FROM convergence_part
WHERE convergence_part.part = 2
UNION ALL
SELECT
    convergence_part.ensemble_id,
    convergence_part.ensemble,
    convergence_part.dataset_id,
    convergence_part.run_id,
    convergence_part.seed,
    convergence_part.block,
    convergence_part.evaluations,
    convergence_part.planes,
    convergence_part.converged,
    convergence_part.split
FROM convergence_part
WHERE convergence_part.part = 3;

COMMENT ON VIEW convergence_block IS
'When each run''s predictions of a block of examples settle, as bit slices.';
COMMENT ON COLUMN convergence_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN convergence_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN convergence_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN convergence_block.run_id IS 'Id of the run.';
COMMENT ON COLUMN convergence_block.seed IS 'Seed of the run.';
COMMENT ON COLUMN convergence_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN convergence_block.evaluations IS
'Evaluations that the run has recorded, with predicted classes.';
COMMENT ON COLUMN convergence_block.planes IS
'Slices of an ordinal, the same in the whole ensemble.';
COMMENT ON COLUMN convergence_block.converged IS
'Slices: evaluation from which on the prediction is the final one; 0 if always.';
COMMENT ON COLUMN convergence_block.split IS 'Split of the block: train or test.';
