-- agreement_block: the most runs that predict one class of each example, as slices
-- Grain: one row per (ensemble, block, evaluation) for which a counted run's predicted classes are
-- known.
-- Source: the numerator of agreement, Hacohen 2020 s.2.
--
-- A building block (slices: see bitslice_count). In four shares, as history_block. All runs count,
-- whether they trained on an example or held it out, as in agreement.

CREATE VIEW agreement_block AS
SELECT
    agreement_part.ensemble_id,
    agreement_part.ensemble,
    agreement_part.dataset_id,
    agreement_part.block,
    agreement_part.evaluation,
    agreement_part.runs,
    agreement_part.agreeing,
    agreement_part.split
FROM agreement_part
WHERE agreement_part.part = 0
UNION ALL
SELECT
    agreement_part.ensemble_id,
    agreement_part.ensemble,
    agreement_part.dataset_id,
    agreement_part.block,
    agreement_part.evaluation,
    agreement_part.runs,
    agreement_part.agreeing,
    agreement_part.split
FROM agreement_part
WHERE agreement_part.part = 1
UNION ALL
SELECT
    agreement_part.ensemble_id,
    agreement_part.ensemble,
    agreement_part.dataset_id,
    agreement_part.block,
    agreement_part.evaluation,
    agreement_part.runs,
    agreement_part.agreeing,
    agreement_part.split
FROM agreement_part
WHERE agreement_part.part = 2
UNION ALL
SELECT
    agreement_part.ensemble_id,
    agreement_part.ensemble,
    agreement_part.dataset_id,
    agreement_part.block,
    agreement_part.evaluation,
    agreement_part.runs,
    agreement_part.agreeing,
    agreement_part.split
FROM agreement_part
WHERE agreement_part.part = 3;

COMMENT ON VIEW agreement_block IS
'The most runs that predict one class of each example, as bit slices.';
COMMENT ON COLUMN agreement_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN agreement_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN agreement_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN agreement_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN agreement_block.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN agreement_block.runs IS 'Counted runs that have recorded it, with classes.';
COMMENT ON COLUMN agreement_block.agreeing IS 'Slices of the number of runs that agree.';
COMMENT ON COLUMN agreement_block.split IS 'Split of the block: train or test.';
