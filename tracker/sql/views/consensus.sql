-- consensus: what the runs of an ensemble predict for each example in the end
-- Grain: one row per (ensemble, example) for which a run's last predicted class is known.
-- Source: consensus class with its rule for ties Baldock 2021 s.3.1 and A.6.2, prediction entropy
-- Baldock 2021 eq. 3; here over all runs, those that trained on the example too (the view
-- consistency counts only those that held it out).
--
-- Never NULL. Each run counts with its last recorded evaluation.

CREATE VIEW consensus AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.runs,
    expanded.consensus_class,
    expanded.votes::DOUBLE PRECISION / expanded.runs AS consensus_share,
    expanded.correct::DOUBLE PRECISION / expanded.runs AS label_share,
    expanded.prediction_entropy,
    expanded.block
FROM (
    SELECT
        consensus_block.ensemble,
        consensus_block.ensemble_id,
        consensus_block.split,
        consensus_block.block,
        block.first_example,
        block.first_position,
        consensus_block.runs,
        generate_series(0, block.size - 1) AS slot,
        unnest(unslice(block.label)) AS label,
        unnest(unslice(consensus_block.consensus_class)) AS consensus_class,
        unnest(unslice(consensus_block.votes)) AS votes,
        unnest(unslice(consensus_block.correct)) AS correct,
        unnest(consensus_block.prediction_entropy) AS prediction_entropy
    FROM consensus_block
    INNER JOIN block
        ON consensus_block.dataset_id = block.dataset_id AND consensus_block.block = block.block
) AS expanded;

COMMENT ON VIEW consensus IS
'The class that most runs predict for each example in the end, and how much they agree.';
COMMENT ON COLUMN consensus.runs IS 'Counted runs whose last predicted classes are known.';
COMMENT ON COLUMN consensus.consensus_class IS
'Class that most runs predict; a tie goes to the label if it is among the tied, else to the '
'lowest class index.';
COMMENT ON COLUMN consensus.consensus_share IS 'Share of the runs that predict it.';
COMMENT ON COLUMN consensus.label_share IS 'Share of the runs that predict the label.';
COMMENT ON COLUMN consensus.prediction_entropy IS
'Entropy of the predicted classes over the runs, natural logarithm; 0 where all agree.';
COMMENT ON COLUMN consensus.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN consensus.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN consensus.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN consensus.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN consensus.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN consensus.label IS 'Index of the labelled class.';
COMMENT ON COLUMN consensus.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
