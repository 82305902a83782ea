-- class_vote_block: how many runs predict each class of each example, as slices
-- Grain: one row per (ensemble, block, evaluation, class that a counted run predicts there).
-- Source: the votes behind the most frequent class label, Hacohen 2019 app. E.
--
-- A building block (slices: see bitslice_count), of the runs whose predicted classes are known,
-- whether they trained on an example or held it out. In four shares, as history_block.

CREATE VIEW class_vote_block AS
SELECT
    class_vote_part.ensemble_id,
    class_vote_part.ensemble,
    class_vote_part.dataset_id,
    class_vote_part.block,
    class_vote_part.evaluation,
    class_vote_part.runs,
    class_vote_part.class,
    class_vote_part.votes,
    class_vote_part.split
FROM class_vote_part
WHERE class_vote_part.part = 0
UNION ALL
SELECT
    class_vote_part.ensemble_id,
    class_vote_part.ensemble,
    class_vote_part.dataset_id,
    class_vote_part.block,
    class_vote_part.evaluation,
    class_vote_part.runs,
    class_vote_part.class,
    class_vote_part.votes,
    class_vote_part.split
FROM class_vote_part
WHERE class_vote_part.part = 1
UNION ALL
SELECT
    class_vote_part.ensemble_id,
    class_vote_part.ensemble,
    class_vote_part.dataset_id,
    class_vote_part.block,
    class_vote_part.evaluation,
    class_vote_part.runs,
    class_vote_part.class,
    class_vote_part.votes,
    class_vote_part.split
FROM class_vote_part
WHERE class_vote_part.part = 2
UNION ALL
SELECT
    class_vote_part.ensemble_id,
    class_vote_part.ensemble,
    class_vote_part.dataset_id,
    class_vote_part.block,
    class_vote_part.evaluation,
    class_vote_part.runs,
    class_vote_part.class,
    class_vote_part.votes,
    class_vote_part.split
FROM class_vote_part
WHERE class_vote_part.part = 3;

COMMENT ON VIEW class_vote_block IS
'How many runs predict each class of each example at each evaluation, as bit slices.';
COMMENT ON COLUMN class_vote_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN class_vote_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN class_vote_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN class_vote_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN class_vote_block.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN class_vote_block.runs IS 'Counted runs that have recorded it, with classes.';
COMMENT ON COLUMN class_vote_block.class IS 'Index of the predicted class.';
COMMENT ON COLUMN class_vote_block.votes IS 'Slices of the number of runs that predict it.';
COMMENT ON COLUMN class_vote_block.split IS 'Split of the block: train or test.';
