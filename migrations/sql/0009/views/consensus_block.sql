-- consensus_block: what the runs of an ensemble predict in the end for each example of a block
-- Grain: one row per (ensemble, block) for which a run's last predicted classes are known.
-- Source: consensus class with its rule for ties Baldock 2021 s.3.1 and A.6.2, prediction entropy
-- Baldock 2021 eq. 3; here over all runs: see consensus.
--
-- A building block (slices: see bitslice_count). Each run counts with its last evaluation.

CREATE VIEW consensus_block AS
SELECT
    poll.ensemble,
    poll.ensemble_id,
    poll.dataset_id,
    poll.block,
    poll.runs,
    poll.correct,
    (poll.winner).class AS consensus_class,
    (poll.winner).tally AS votes,
    poll.prediction_entropy,
    poll.split
FROM (
    SELECT
        final_block.ensemble,
        final_block.ensemble_id,
        final_block.dataset_id,
        final_block.block,
        final_block.split,
        count(*)::INTEGER AS runs,
        bitslice_sum(final_block.correct) AS correct,
        bitslice_plurality(
            array_agg(final_block.predicted),
            array_agg(final_block.everyone),
            truth.label,
            dataset.num_classes
        ) AS winner,
        bitslice_entropy(
            array_agg(final_block.predicted),
            array_agg(final_block.everyone),
            dataset.num_classes
        ) AS prediction_entropy
    FROM final_block
    INNER JOIN dataset ON final_block.dataset_id = dataset.id
    INNER JOIN block AS truth
        ON final_block.dataset_id = truth.dataset_id AND final_block.block = truth.block
    WHERE final_block.predicted IS NOT NULL
    GROUP BY
        final_block.ensemble,
        final_block.ensemble_id,
        final_block.dataset_id,
        final_block.block,
        final_block.split,
        truth.label,
        dataset.num_classes
) AS poll;

COMMENT ON VIEW consensus_block IS
'What the runs of an ensemble predict in the end for each example of a block.';
COMMENT ON COLUMN consensus_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN consensus_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN consensus_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN consensus_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN consensus_block.runs IS
'Counted runs whose last predicted classes are known.';
COMMENT ON COLUMN consensus_block.correct IS 'Slices of the number of them that are right.';
COMMENT ON COLUMN consensus_block.consensus_class IS
'Bit planes of the class that most of them predict.';
COMMENT ON COLUMN consensus_block.votes IS 'Slices of the number of them that predict it.';
COMMENT ON COLUMN consensus_block.prediction_entropy IS
'Entropy of the predicted classes over these runs; one number an example.';
COMMENT ON COLUMN consensus_block.split IS 'Split of the block: train or test.';
