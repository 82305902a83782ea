-- consistency: how surely an ensemble gets each example right without having trained on it
-- Grain: one row per (ensemble, example) with at least one recorded evaluation.
-- Source: consistency score C Baldock 2021 eq. 1, consensus class s.3.1 and A.6.2,
-- consensus-consistency C* eq. 2, prediction entropy eq. 3 (Jiang 2021 for the C-score).
--
-- Examples of splits other than train are held out by all runs; those of train by the runs that did
-- not train on them (--split 90:10, --split parts:K), by none where all train on everything. Each
-- run counts with its last recorded evaluation.
-- NULL: everything where no run held the example out; what needs classes where no predicted class
-- of such a run is known.

CREATE VIEW consistency AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.runs_held_out,
    expanded.correct::DOUBLE PRECISION / nullif(expanded.runs_held_out, 0) AS consistency,
    CASE WHEN expanded.voters > 0 THEN expanded.consensus_class END AS consensus_class,
    expanded.votes::DOUBLE PRECISION / nullif(expanded.voters, 0) AS consensus_consistency,
    expanded.prediction_entropy,
    expanded.block
FROM (
    SELECT
        poll.ensemble,
        poll.ensemble_id,
        poll.split,
        poll.block,
        block.first_example,
        block.first_position,
        generate_series(0, block.size - 1) AS slot,
        unnest(unslice(block.label)) AS label,
        unnest(unslice(poll.runs_held_out)) AS runs_held_out,
        unnest(unslice(poll.correct)) AS correct,
        -- Columns that have fewer numbers than there are examples, that is none, give NULL.
        unnest(unslice(poll.voters)) AS voters,
        unnest(unslice((poll.winner).class)) AS consensus_class,
        unnest(unslice((poll.winner).tally)) AS votes,
        unnest(poll.entropy) AS prediction_entropy
    FROM (
        SELECT
            final_block.ensemble,
            final_block.ensemble_id,
            final_block.dataset_id,
            final_block.block,
            final_block.split,
            bitslice_sum(final_block.held_out) AS runs_held_out,
            bitslice_sum(final_block.correct & final_block.held_out) AS correct,
            bitslice_sum(final_block.held_out) FILTER (WHERE final_block.predicted IS NOT NULL)
                AS voters,
            bitslice_plurality(
                array_agg(final_block.predicted)
                FILTER (WHERE final_block.predicted IS NOT NULL),
                array_agg(final_block.held_out)
                FILTER (WHERE final_block.predicted IS NOT NULL),
                truth.label,
                dataset.num_classes
            ) AS winner,
            bitslice_entropy(
                array_agg(final_block.predicted)
                FILTER (WHERE final_block.predicted IS NOT NULL),
                array_agg(final_block.held_out)
                FILTER (WHERE final_block.predicted IS NOT NULL),
                dataset.num_classes
            ) AS entropy
        FROM final_block
        INNER JOIN dataset ON final_block.dataset_id = dataset.id
        INNER JOIN block AS truth
            ON final_block.dataset_id = truth.dataset_id AND final_block.block = truth.block
        GROUP BY
            final_block.ensemble,
            final_block.ensemble_id,
            final_block.dataset_id,
            final_block.block,
            final_block.split,
            truth.label,
            dataset.num_classes
    ) AS poll
    INNER JOIN block ON poll.dataset_id = block.dataset_id AND poll.block = block.block
) AS expanded;

COMMENT ON VIEW consistency IS
'What the runs that held each example out predict for it in the end: C-score, consensus, entropy.';
COMMENT ON COLUMN consistency.runs_held_out IS 'Counted runs that did not train on the example.';
COMMENT ON COLUMN consistency.consistency IS
'C-score: share of those runs that are right (Baldock 2021 eq. 1).';
COMMENT ON COLUMN consistency.consensus_class IS
'Class that most of them predict; a tie goes to the label if it is among the tied, else to the '
'lowest class index.';
COMMENT ON COLUMN consistency.consensus_consistency IS
'Share of them that predict it (Baldock 2021 eq. 2).';
COMMENT ON COLUMN consistency.prediction_entropy IS
'Entropy of the classes that they predict, natural logarithm (Baldock 2021 eq. 3).';
COMMENT ON COLUMN consistency.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN consistency.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN consistency.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN consistency.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN consistency.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN consistency.label IS 'Index of the labelled class.';
COMMENT ON COLUMN consistency.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
