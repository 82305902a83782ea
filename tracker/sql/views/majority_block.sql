-- majority_block: which examples the majority vote of an ensemble classifies correctly
-- Grain: one row per (ensemble, block, evaluation) for which a counted run's predicted classes are
-- known.
-- Source: "a single ensemble classifier [...] using the majority vote", Hacohen 2020 s.4.1, Fig.
-- 8a.
--
-- The majority vote of an ensemble is the class that most of its runs predict; a tie goes to the
-- label where it is among the tied, as in the consensus class of Baldock 2021 (s.3.1, A.6.2). So it
-- is right where no class has more votes than the label. Runs whose predicted classes are not
-- known have no vote; all others have one, whether they trained on an example or held it out.
--
-- A building block. In four shares, as history_block.

CREATE VIEW majority_block AS
SELECT
    majority_part.ensemble_id,
    majority_part.ensemble,
    majority_part.dataset_id,
    majority_part.block,
    majority_part.evaluation,
    majority_part.split,
    majority_part.size,
    majority_part.runs,
    majority_part.voters,
    majority_part.right_answers,
    majority_part.correct
FROM majority_part
WHERE majority_part.part = 0
UNION ALL
SELECT
    majority_part.ensemble_id,
    majority_part.ensemble,
    majority_part.dataset_id,
    majority_part.block,
    majority_part.evaluation,
    majority_part.split,
    majority_part.size,
    majority_part.runs,
    majority_part.voters,
    majority_part.right_answers,
    majority_part.correct
FROM majority_part
WHERE majority_part.part = 1
UNION ALL
SELECT
    majority_part.ensemble_id,
    majority_part.ensemble,
    majority_part.dataset_id,
    majority_part.block,
    majority_part.evaluation,
    majority_part.split,
    majority_part.size,
    majority_part.runs,
    majority_part.voters,
    majority_part.right_answers,
    majority_part.correct
FROM majority_part
WHERE majority_part.part = 2
UNION ALL
SELECT
    majority_part.ensemble_id,
    majority_part.ensemble,
    majority_part.dataset_id,
    majority_part.block,
    majority_part.evaluation,
    majority_part.split,
    majority_part.size,
    majority_part.runs,
    majority_part.voters,
    majority_part.right_answers,
    majority_part.correct
FROM majority_part
WHERE majority_part.part = 3;

COMMENT ON VIEW majority_block IS
'The examples that the majority vote of an ensemble has right, as bitmaps.';
COMMENT ON COLUMN majority_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN majority_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN majority_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN majority_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN majority_block.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN majority_block.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN majority_block.size IS 'Examples of the block.';
COMMENT ON COLUMN majority_block.runs IS 'Counted runs that have recorded it.';
COMMENT ON COLUMN majority_block.voters IS 'Those whose predicted classes are known: they vote.';
COMMENT ON COLUMN majority_block.right_answers IS
'Right answers of all the runs, over the examples of the block.';
COMMENT ON COLUMN majority_block.correct IS
'Bitmap: the class with most votes is the label, alone or in a tie.';
