-- induced_class: the class that an ensemble takes each example for, over the whole of training
-- Grain: one row per (ensemble, example) for which predicted classes are known.
-- Source: "the most frequent class label assigned to it by the collection of networks" (Hacohen
-- 2019 app. E), here over all recorded evaluations of all runs. At one evaluation: the function
-- induced_class_at; in the end: the view consensus.
--
-- All runs count, whether they trained on an example or held it out; consistency has the consensus
-- class of those that held it out.
-- Never NULL. Ties as in consensus: to the label if it is among the tied, else to the lowest index.

CREATE VIEW induced_class AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.predictions,
    expanded.induced_class,
    expanded.votes::DOUBLE PRECISION / expanded.predictions AS induced_share,
    expanded.block
FROM (
    SELECT
        poll.ensemble,
        poll.ensemble_id,
        poll.split,
        poll.block,
        block.first_example,
        block.first_position,
        poll.predictions,
        generate_series(0, block.size - 1) AS slot,
        unnest(unslice(block.label)) AS label,
        unnest(unslice((poll.winner).class)) AS induced_class,
        unnest(unslice((poll.winner).tally)) AS votes
    FROM (
        SELECT
            vote.ensemble,
            vote.ensemble_id,
            vote.dataset_id,
            vote.block,
            vote.split,
            -- Every vote of an example is for one class. Sixteen digits are read at a time.
            sum(
                bitslice_value(vote.votes, 0)
                + 65536 * coalesce(bitslice_value(vote.votes[17:], 0), 0)
            )::INTEGER AS predictions,
            bitslice_winner(
                bitslice_greatest(
                    bitslice_claim(
                        bitslice_constant(
                            truth.label[1] | ~truth.label[1], vote.class, cardinality(truth.label)
                        ),
                        vote.votes,
                        truth.label
                    )
                ),
                cardinality(truth.label)
            ) AS winner
        FROM (
            SELECT
                class_vote_block.ensemble,
                class_vote_block.ensemble_id,
                class_vote_block.dataset_id,
                class_vote_block.block,
                class_vote_block.split,
                class_vote_block.class,
                bitslice_sum(class_vote_block.votes) AS votes
            FROM class_vote_block
            GROUP BY
                class_vote_block.ensemble,
                class_vote_block.ensemble_id,
                class_vote_block.dataset_id,
                class_vote_block.block,
                class_vote_block.split,
                class_vote_block.class
        ) AS vote
        INNER JOIN block AS truth
            ON vote.dataset_id = truth.dataset_id AND vote.block = truth.block
        GROUP BY
            vote.ensemble, vote.ensemble_id, vote.dataset_id, vote.block, vote.split, truth.label
    ) AS poll
    INNER JOIN block ON poll.dataset_id = block.dataset_id AND poll.block = block.block
) AS expanded;

COMMENT ON VIEW induced_class IS
'The class that runs predict most often for each example, over all evaluations.';
COMMENT ON COLUMN induced_class.predictions IS
'Predictions that are counted: of every counted run at every evaluation whose classes are known.';
COMMENT ON COLUMN induced_class.induced_class IS
'Most frequent predicted class; a tie goes to the label if it is among the tied, else to the '
'lowest class index.';
COMMENT ON COLUMN induced_class.induced_share IS 'Share of the predictions that are of it.';
COMMENT ON COLUMN induced_class.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN induced_class.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN induced_class.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN induced_class.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN induced_class.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN induced_class.label IS 'Index of the labelled class.';
COMMENT ON COLUMN induced_class.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
