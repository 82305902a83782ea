-- el2n_block: EL2N of each example of a block
-- Grain: one row per (ensemble, block, evaluation) that a counted run has recorded with the signal
-- el2n.
-- Source: Paul 2021 s.2.
--
-- A building block. In four shares, as history_block. All runs count, whether they trained on an
-- example or held it out, as in el2n.

CREATE VIEW el2n_block AS
SELECT
    el2n_part.ensemble_id,
    el2n_part.ensemble,
    el2n_part.dataset_id,
    el2n_part.block,
    el2n_part.evaluation,
    el2n_part.runs,
    el2n_part.el2n,
    el2n_part.split
FROM el2n_part
WHERE el2n_part.part = 0
UNION ALL
SELECT
    el2n_part.ensemble_id,
    el2n_part.ensemble,
    el2n_part.dataset_id,
    el2n_part.block,
    el2n_part.evaluation,
    el2n_part.runs,
    el2n_part.el2n,
    el2n_part.split
FROM el2n_part
WHERE el2n_part.part = 1
UNION ALL
SELECT
    el2n_part.ensemble_id,
    el2n_part.ensemble,
    el2n_part.dataset_id,
    el2n_part.block,
    el2n_part.evaluation,
    el2n_part.runs,
    el2n_part.el2n,
    el2n_part.split
FROM el2n_part
WHERE el2n_part.part = 2
UNION ALL
SELECT
    el2n_part.ensemble_id,
    el2n_part.ensemble,
    el2n_part.dataset_id,
    el2n_part.block,
    el2n_part.evaluation,
    el2n_part.runs,
    el2n_part.el2n,
    el2n_part.split
FROM el2n_part
WHERE el2n_part.part = 3;

COMMENT ON VIEW el2n_block IS 'EL2N of each example of a block.';
COMMENT ON COLUMN el2n_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN el2n_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN el2n_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN el2n_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN el2n_block.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN el2n_block.runs IS 'Counted runs that have recorded the signal there.';
COMMENT ON COLUMN el2n_block.el2n IS
'Mean over the runs of the 2-norm of the error; one number an example.';
COMMENT ON COLUMN el2n_block.split IS 'Split of the block: train or test.';
