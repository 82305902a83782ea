-- agreement_part: the most runs that predict one class of each example, as slices
-- Grain: one row per (ensemble, block, evaluation) for which a counted run's predicted classes are
-- known.
-- Source: the numerator of agreement, Hacohen 2020 s.2.
--
-- What agreement_block is made of. `part`, 0 to 3, tells four shares of the evaluations apart.

CREATE VIEW agreement_part AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    outcome_block.block,
    outcome_block.evaluation,
    outcome_block.evaluation % 4 AS part,
    count(*)::INTEGER AS runs,
    bitslice_mode(array_agg(outcome_block.predicted), dataset.num_classes) AS agreeing,
    block.split
FROM counted_run
INNER JOIN dataset ON counted_run.dataset_id = dataset.id
INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
WHERE outcome_block.predicted IS NOT NULL
GROUP BY
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    dataset.num_classes,
    outcome_block.block,
    outcome_block.evaluation,
    block.split;

COMMENT ON VIEW agreement_part IS
'The most runs that predict one class of each example, as bit slices.';
COMMENT ON COLUMN agreement_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN agreement_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN agreement_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN agreement_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN agreement_part.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN agreement_part.part IS 'Share of the evaluations, 0 to 3.';
COMMENT ON COLUMN agreement_part.runs IS 'Counted runs that have recorded it, with classes.';
COMMENT ON COLUMN agreement_part.agreeing IS 'Slices of the number of runs that agree.';
COMMENT ON COLUMN agreement_part.split IS 'Split of the block: train or test.';
