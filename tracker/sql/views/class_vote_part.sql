-- class_vote_part: how many runs predict each class of each example, as slices
-- Grain: one row per (ensemble, block, evaluation, class that a counted run predicts there).
-- Source: the votes behind the most frequent class label, Hacohen 2019 app. E.
--
-- What class_vote_block is made of. `part`, 0 to 3, tells four shares of the evaluations apart.

CREATE VIEW class_vote_part AS
SELECT
    ballot.ensemble_id,
    ballot.ensemble,
    ballot.dataset_id,
    ballot.block,
    ballot.evaluation,
    ballot.part,
    ballot.runs,
    (ballot.vote).class,
    (ballot.vote).tally AS votes,
    ballot.split
FROM (
    SELECT
        counted_run.ensemble_id,
        counted_run.ensemble,
        counted_run.dataset_id,
        outcome_block.block,
        outcome_block.evaluation,
        block.split,
        outcome_block.evaluation % 4 AS part,
        count(*)::INTEGER AS runs,
        bitslice_votes_by_class(
            array_agg(outcome_block.predicted),
            array_agg(outcome_block.correct | ~outcome_block.correct),
            dataset.num_classes
        ) AS vote
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
        block.split
) AS ballot;

COMMENT ON VIEW class_vote_part IS
'How many runs predict each class of each example at each evaluation, as bit slices.';
COMMENT ON COLUMN class_vote_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN class_vote_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN class_vote_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN class_vote_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN class_vote_part.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN class_vote_part.part IS 'Share of the evaluations, 0 to 3.';
COMMENT ON COLUMN class_vote_part.runs IS 'Counted runs that have recorded it, with classes.';
COMMENT ON COLUMN class_vote_part.class IS 'Index of the predicted class.';
COMMENT ON COLUMN class_vote_part.votes IS 'Slices of the number of runs that predict it.';
COMMENT ON COLUMN class_vote_part.split IS 'Split of the block: train or test.';
