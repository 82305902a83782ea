-- difficulty_type_summary: how many examples have each difficulty type, and what becomes of them
-- Grain: one row per (ensemble, split, type that an example has).
-- Source: Baldock 2021 s.4: which types are predicted consistently, and where mislabelled examples
-- fall ("Mislabeled examples are of this kind": looks like a different class).
--
-- mislabelled_share beside share is the share expected by chance.
-- NULL: mislabelled_share without label noise; means where no run's predicted classes are known.

CREATE VIEW difficulty_type_summary AS
SELECT
    counted.ensemble,
    counted.ensemble_id,
    counted.split,
    counted.type,
    counted.examples,
    counted.examples::DOUBLE PRECISION / sum(counted.examples) OVER whole_split AS share,
    counted.mislabelled,
    counted.mislabelled::DOUBLE PRECISION / nullif(sum(counted.mislabelled) OVER whole_split, 0)
        AS mislabelled_share,
    counted.depth_held_out,
    counted.depth_trained_on,
    counted.consistency,
    counted.consensus_consistency
FROM (
    SELECT
        told.ensemble,
        told.ensemble_id,
        told.split,
        told.type,
        count(*)::INTEGER AS examples,
        (count(*) FILTER (WHERE told.mislabelled))::INTEGER AS mislabelled,
        avg(told.depth_held_out) AS depth_held_out,
        avg(told.depth_trained_on) AS depth_trained_on,
        avg(told.consistency) AS consistency,
        avg(told.consensus_consistency) AS consensus_consistency
    FROM (
        -- Grouped, not joined: the planner might make one side again for each row of the other.
        SELECT
            part.ensemble,
            part.ensemble_id,
            part.split,
            part.example_id,
            max(part.type) AS type,
            bool_or(part.mislabelled) AS mislabelled,
            max(part.depth_held_out) AS depth_held_out,
            max(part.depth_trained_on) AS depth_trained_on,
            max(part.consistency) AS consistency,
            max(part.consensus_consistency) AS consensus_consistency
        FROM (
            SELECT
                difficulty_type.ensemble,
                difficulty_type.ensemble_id,
                difficulty_type.split,
                difficulty_type.example_id,
                difficulty_type.type,
                NULL::BOOLEAN AS mislabelled,
                difficulty_type.depth_held_out,
                difficulty_type.depth_trained_on,
                NULL::DOUBLE PRECISION AS consistency,
                NULL::DOUBLE PRECISION AS consensus_consistency
            FROM difficulty_type
            UNION ALL
            SELECT
                example_label.ensemble,
                example_label.ensemble_id,
                example_label.split,
                example_label.example_id,
                NULL::TEXT AS type,
                example_label.mislabelled,
                NULL::DOUBLE PRECISION AS depth_held_out,
                NULL::DOUBLE PRECISION AS depth_trained_on,
                NULL::DOUBLE PRECISION AS consistency,
                NULL::DOUBLE PRECISION AS consensus_consistency
            FROM example_label
            UNION ALL
            SELECT
                consistency.ensemble,
                consistency.ensemble_id,
                consistency.split,
                consistency.example_id,
                NULL::TEXT AS type,
                NULL::BOOLEAN AS mislabelled,
                NULL::DOUBLE PRECISION AS depth_held_out,
                NULL::DOUBLE PRECISION AS depth_trained_on,
                consistency.consistency,
                consistency.consensus_consistency
            FROM consistency
        ) AS part
        GROUP BY part.ensemble, part.ensemble_id, part.split, part.example_id
    ) AS told
    WHERE told.type IS NOT NULL
    GROUP BY told.ensemble, told.ensemble_id, told.split, told.type
) AS counted
WINDOW whole_split AS (PARTITION BY counted.ensemble_id, counted.ensemble, counted.split);

COMMENT ON VIEW difficulty_type_summary IS
'Examples of each difficulty type: how many, how many of the mislabelled, how consistent.';
COMMENT ON COLUMN difficulty_type_summary.type IS
'easy, looks_like_a_different_class, ambiguous_unless_the_label_is_given or ambiguous.';
COMMENT ON COLUMN difficulty_type_summary.examples IS 'Examples of the type.';
COMMENT ON COLUMN difficulty_type_summary.share IS 'Their share of all that have a type.';
COMMENT ON COLUMN difficulty_type_summary.mislabelled IS
'Of them, those whose label was changed by label noise.';
COMMENT ON COLUMN difficulty_type_summary.mislabelled_share IS
'Share of all mislabelled examples that is of the type.';
COMMENT ON COLUMN difficulty_type_summary.depth_held_out IS
'Mean over the examples of depth_held_out.';
COMMENT ON COLUMN difficulty_type_summary.depth_trained_on IS
'Mean over the examples of depth_trained_on.';
COMMENT ON COLUMN difficulty_type_summary.consistency IS 'Mean over the examples: see consistency.';
COMMENT ON COLUMN difficulty_type_summary.consensus_consistency IS
'Mean over the examples: see consistency.';
COMMENT ON COLUMN difficulty_type_summary.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN difficulty_type_summary.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN difficulty_type_summary.split IS 'Split of the dataset: train.';
