-- depth_learned: when predictions of each depth settle in training
-- Grain: one row per (ensemble, split, whether the run held the example out, depth that occurs).
-- Source: iteration learned by prediction depth, Baldock 2021 s.3.2 and Fig. 5 left: "Data points
-- with small prediction depths are on average learned before data points with higher prediction
-- depths." One answer is one (run, example) with a depth.
--
-- Iteration learned is counted in evaluations: see convergence, whose percentile rescales it too.
-- NULL: rescaled where that percentile is 0 (nearly nothing ever changes). No rows where predicted
-- classes are not known.

CREATE VIEW depth_learned AS
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
    tally.converged / tally.answers AS mean_converged,
    tally.converged / tally.answers / nullif(extent.percentile_95, 0) AS rescaled
FROM (
    SELECT
        final_depth_block.ensemble,
        final_depth_block.ensemble_id,
        final_depth_block.split,
        side.held_out,
        part.value AS depth,
        sum(bit_count(part.members & side.members))::INTEGER AS answers,
        sum(bitslice_total_of(convergence_block.converged, part.members & side.members))
        ::DOUBLE PRECISION AS converged
    FROM final_depth_block
    INNER JOIN convergence_block
        ON
            final_depth_block.ensemble_id = convergence_block.ensemble_id
            AND final_depth_block.ensemble = convergence_block.ensemble
            AND final_depth_block.run_id = convergence_block.run_id
            AND final_depth_block.block = convergence_block.block
            AND final_depth_block.split = convergence_block.split
    CROSS JOIN LATERAL bitslice_groups(final_depth_block.depth) AS part
    CROSS JOIN
        LATERAL (
            VALUES
            (FALSE, final_depth_block.defined & ~final_depth_block.held_out),
            (TRUE, final_depth_block.defined & final_depth_block.held_out)
        ) AS side (held_out, members)
    GROUP BY
        final_depth_block.ensemble,
        final_depth_block.ensemble_id,
        final_depth_block.split,
        side.held_out,
        part.value
) AS tally
INNER JOIN (
    SELECT
        convergence_block.ensemble_id,
        convergence_block.ensemble,
        tally_percentile(
            array_agg(
                bitslice_tally(
                    convergence_block.converged, (1 << convergence_block.planes) - 1
                )
            ),
            0.95
        ) AS percentile_95
    FROM convergence_block
    GROUP BY convergence_block.ensemble_id, convergence_block.ensemble
) AS extent
    ON tally.ensemble_id = extent.ensemble_id AND tally.ensemble = extent.ensemble
WHERE tally.answers > 0;

COMMENT ON VIEW depth_learned IS
'When predictions of each depth settle in training: iteration learned by prediction depth.';
COMMENT ON COLUMN depth_learned.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN depth_learned.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN depth_learned.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN depth_learned.held_out IS 'Answers of runs that held the example out, or not.';
COMMENT ON COLUMN depth_learned.depth IS 'Prediction depth.';
COMMENT ON COLUMN depth_learned.answers IS 'Pairs of a run and an example with this depth.';
COMMENT ON COLUMN depth_learned.share IS
'Their share of all answers of the ensemble, split and held_out.';
COMMENT ON COLUMN depth_learned.mean_converged IS
'Mean over them of the evaluation from which on the prediction is the final one.';
COMMENT ON COLUMN depth_learned.rescaled IS
'mean_converged, with the 95th percentile of the ensemble''s runs and examples as 1.';
