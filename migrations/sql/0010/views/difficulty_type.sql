-- difficulty_type: which of four kinds of difficulty each example has
-- Grain: one row per (ensemble, example) that some probed runs trained on and others held out.
-- Source: Baldock 2021 s.4 and Fig. 7: easy (both depths low), looks like a different class (deep
-- only when it is trained on), ambiguous unless the label is given (deep only when it is held out),
-- ambiguous (both deep). The paper shows those closest to the corners.
--
-- Needs an ensemble that was queued with --split and --probe. The paper does not say how it
-- measures closeness: here each mean depth is rescaled so that the least of all examples of the
-- split is 0 and the most is 1. The type is the nearest corner, distance the Euclidean one to it.
-- NULL: a scaled depth, and all that follows from it, where the depth is the same for all examples.

CREATE VIEW difficulty_type AS
SELECT
    cornered.ensemble,
    cornered.ensemble_id,
    cornered.split,
    cornered.example_id,
    cornered.position,
    cornered.label,
    cornered.depth_held_out,
    cornered.depth_trained_on,
    cornered.held_out_scaled,
    cornered.trained_on_scaled,
    cornered.type,
    cornered.distance,
    CASE WHEN cornered.type IS NOT NULL THEN rank() OVER of_type END AS rank,
    CASE WHEN cornered.type IS NOT NULL THEN rank() OVER of_class END AS class_rank,
    cornered.block
FROM (
    SELECT
        scaled.*,
        difficulty_corner(scaled.held_out_scaled, scaled.trained_on_scaled) AS type,
        sqrt(
            least(scaled.held_out_scaled, 1 - scaled.held_out_scaled) ^ 2
            + least(scaled.trained_on_scaled, 1 - scaled.trained_on_scaled) ^ 2
        ) AS distance
    FROM (
        SELECT
            prediction_depth.ensemble,
            prediction_depth.ensemble_id,
            prediction_depth.split,
            prediction_depth.example_id,
            prediction_depth.position,
            prediction_depth.label,
            prediction_depth.block,
            prediction_depth.depth_held_out,
            prediction_depth.depth_trained_on,
            (prediction_depth.depth_held_out - min(prediction_depth.depth_held_out) OVER everyone)
            / nullif(
                max(prediction_depth.depth_held_out) OVER everyone
                - min(prediction_depth.depth_held_out) OVER everyone,
                0
            ) AS held_out_scaled,
            (
                prediction_depth.depth_trained_on
                - min(prediction_depth.depth_trained_on) OVER everyone
            )
            / nullif(
                max(prediction_depth.depth_trained_on) OVER everyone
                - min(prediction_depth.depth_trained_on) OVER everyone,
                0
            ) AS trained_on_scaled
        FROM prediction_depth
        WINDOW everyone AS (
            PARTITION BY
                prediction_depth.ensemble_id, prediction_depth.ensemble, prediction_depth.split
        )
    ) AS scaled
    WHERE scaled.depth_held_out IS NOT NULL AND scaled.depth_trained_on IS NOT NULL
) AS cornered
WINDOW
    -- Rounded, to hide the last bits of a square root.
    of_type AS (
        PARTITION BY cornered.ensemble_id, cornered.ensemble, cornered.split, cornered.type
        ORDER BY round((cornered.distance * 1e12)::NUMERIC)
    ),
    of_class AS (
        PARTITION BY
            cornered.ensemble_id,
            cornered.ensemble,
            cornered.split,
            cornered.type,
            cornered.label
        ORDER BY round((cornered.distance * 1e12)::NUMERIC)
    );

COMMENT ON VIEW difficulty_type IS
'Easy, looks like a different class, ambiguous unless the label is given, ambiguous: by depth.';
COMMENT ON COLUMN difficulty_type.depth_held_out IS
'Mean prediction depth over the runs that held the example out.';
COMMENT ON COLUMN difficulty_type.depth_trained_on IS
'Mean prediction depth over the runs that trained on it.';
COMMENT ON COLUMN difficulty_type.held_out_scaled IS
'depth_held_out, from 0 for the least of the split to 1 for the most.';
COMMENT ON COLUMN difficulty_type.trained_on_scaled IS
'depth_trained_on, from 0 for the least of the split to 1 for the most.';
COMMENT ON COLUMN difficulty_type.type IS
'easy, looks_like_a_different_class, ambiguous_unless_the_label_is_given or ambiguous.';
COMMENT ON COLUMN difficulty_type.distance IS
'Distance of the two to the corner of the type, 0 to 0.71: least for its purest examples.';
COMMENT ON COLUMN difficulty_type.rank IS
'Place by distance within ensemble, split and type; equal distances share a rank.';
COMMENT ON COLUMN difficulty_type.class_rank IS
'Place by distance within ensemble, split, type and labelled class.';
COMMENT ON COLUMN difficulty_type.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN difficulty_type.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN difficulty_type.split IS 'Split of the dataset: train.';
COMMENT ON COLUMN difficulty_type.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN difficulty_type.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN difficulty_type.label IS 'Index of the labelled class.';
COMMENT ON COLUMN difficulty_type.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
