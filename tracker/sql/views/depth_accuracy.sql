-- depth_accuracy: how often predictions of each depth are right, and those of the consensus
-- Grain: one row per (ensemble, split, whether the run held the example out, depth that occurs).
-- Source: Baldock 2021 s.3.1 and Fig. 4: "Predictions made in earlier layers are more likely to be
-- correct", and consistent. One answer is one (run, example) with a depth.
--
-- The consensus class of an example is that of the runs that held it out (s.3.1): see consistency.
-- The paper plots the consensus-consistency of the example among the other runs; consensus_share is
-- the share of the answers themselves that are the consensus class.
-- NULL: consensus_share of runs that trained on the examples, and where classes are not known.

CREATE VIEW depth_accuracy AS
SELECT
    tally.ensemble,
    tally.ensemble_id,
    tally.split,
    tally.held_out,
    tally.depth,
    tally.answers,
    tally.answers::DOUBLE PRECISION
    / sum(tally.answers) OVER (
        PARTITION BY tally.ensemble_id, tally.ensemble, tally.split, tally.held_out
    ) AS share,
    tally.correct::DOUBLE PRECISION / tally.answers AS accuracy,
    CASE WHEN tally.held_out THEN tally.agreeing::DOUBLE PRECISION / nullif(tally.voters, 0) END
        AS consensus_share
FROM (
    SELECT
        told.ensemble,
        told.ensemble_id,
        told.split,
        side.held_out,
        part.value AS depth,
        sum(bit_count(part.members & side.members))::INTEGER AS answers,
        sum(bit_count(part.members & side.members & told.correct)) AS correct,
        sum(bit_count(part.members & side.members)) FILTER (WHERE told.agreeing IS NOT NULL)
            AS voters,
        sum(bit_count(part.members & side.members & told.agreeing)) AS agreeing
    FROM (
        SELECT
            final_depth_block.ensemble,
            final_depth_block.ensemble_id,
            final_depth_block.split,
            final_depth_block.depth,
            final_depth_block.defined,
            final_depth_block.held_out,
            outcome_block.correct,
            (
                -- Where all digits are the same; a class has no slices above its highest one.
                SELECT
                    bit_and(
                        coalesce(
                            (digit.predicted & digit.class) | ~(digit.predicted | digit.class),
                            ~digit.predicted
                        )
                    )
                FROM unnest(outcome_block.predicted, (poll.winner).class)
                    AS digit (predicted, class)
            ) AS agreeing
        FROM final_depth_block
        INNER JOIN outcome_block
            ON
                final_depth_block.run_id = outcome_block.run_id
                AND final_depth_block.block = outcome_block.block
                AND final_depth_block.evaluation = outcome_block.evaluation
        LEFT JOIN (
            SELECT
                final_block.ensemble,
                final_block.ensemble_id,
                final_block.dataset_id,
                final_block.block,
                final_block.split,
                bitslice_plurality(
                    array_agg(final_block.predicted),
                    array_agg(final_block.held_out),
                    truth.label,
                    dataset.num_classes
                ) AS winner
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
        ) AS poll
            ON
                final_depth_block.ensemble_id = poll.ensemble_id
                AND final_depth_block.ensemble = poll.ensemble
                AND final_depth_block.block = poll.block
                AND final_depth_block.split = poll.split
    ) AS told
    CROSS JOIN LATERAL bitslice_groups(told.depth) AS part
    CROSS JOIN
        LATERAL (
            VALUES (FALSE, told.defined & ~told.held_out), (TRUE, told.defined & told.held_out)
        ) AS side (held_out, members)
    GROUP BY told.ensemble, told.ensemble_id, told.split, side.held_out, part.value
) AS tally
WHERE tally.answers > 0;

COMMENT ON VIEW depth_accuracy IS
'Accuracy, and share of the consensus class, of the predictions of each depth.';
COMMENT ON COLUMN depth_accuracy.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN depth_accuracy.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN depth_accuracy.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN depth_accuracy.held_out IS 'Answers of runs that held the example out, or not.';
COMMENT ON COLUMN depth_accuracy.depth IS 'Prediction depth.';
COMMENT ON COLUMN depth_accuracy.answers IS 'Pairs of a run and an example with this depth.';
COMMENT ON COLUMN depth_accuracy.share IS
'Their share of all answers of the ensemble, split and held_out.';
COMMENT ON COLUMN depth_accuracy.accuracy IS 'Share of them that are right.';
COMMENT ON COLUMN depth_accuracy.consensus_share IS
'Share of them that are the consensus class of the example.';
