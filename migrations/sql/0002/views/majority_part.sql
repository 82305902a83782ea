-- majority_part: which examples the majority vote of an ensemble classifies correctly
-- Grain: one row per (ensemble, block, evaluation) for which a counted run's predicted classes are
-- known.
-- Source: "a single ensemble classifier [...] using the majority vote", Hacohen 2020 s.4.1, Fig.
-- 8a.
--
-- The majority vote of an ensemble is the class that most of its runs predict; a tie goes to the
-- label where it is among the tied, as in the consensus class of Baldock 2021 (s.3.1, A.6.2). So it
-- is right where no class has more votes than the label. Runs whose predicted classes are not
-- known have no vote.
--
-- What majority_block is made of. `part`, 0 to 3, tells four shares of the evaluations apart.

CREATE VIEW majority_part AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    outcome_block.block,
    outcome_block.evaluation,
    outcome_block.evaluation % 4 AS part,
    block.split,
    block.size,
    count(*)::INTEGER AS runs,
    count(outcome_block.predicted)::INTEGER AS voters,
    sum(bit_count(outcome_block.correct))::BIGINT AS right_answers,
    bitslice_not_below(
        bitslice_sum(outcome_block.correct) FILTER (WHERE outcome_block.predicted IS NOT NULL),
        bitslice_mode(
            array_agg(outcome_block.predicted) FILTER (WHERE outcome_block.predicted IS NOT NULL),
            dataset.num_classes
        )
    ) AS correct
FROM counted_run
INNER JOIN dataset ON counted_run.dataset_id = dataset.id
INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
GROUP BY
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    dataset.num_classes,
    outcome_block.block,
    outcome_block.evaluation,
    block.split,
    block.size
HAVING count(outcome_block.predicted) > 0;

COMMENT ON VIEW majority_part IS
'The examples that the majority vote of an ensemble has right, as bitmaps.';
COMMENT ON COLUMN majority_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN majority_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN majority_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN majority_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN majority_part.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN majority_part.part IS 'Share of the evaluations, 0 to 3.';
COMMENT ON COLUMN majority_part.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN majority_part.size IS 'Examples of the block.';
COMMENT ON COLUMN majority_part.runs IS 'Counted runs that have recorded it.';
COMMENT ON COLUMN majority_part.voters IS 'Those whose predicted classes are known: they vote.';
COMMENT ON COLUMN majority_part.right_answers IS
'Right answers of all the runs, over the examples of the block.';
COMMENT ON COLUMN majority_part.correct IS
'Bitmap: the class with most votes is the label, alone or in a tie.';
