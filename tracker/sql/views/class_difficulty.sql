-- class_difficulty: how hard each class is for an ensemble
-- Grain: one row per (ensemble, split, class that has examples there) with at least one recorded
-- evaluation.
-- Source: easy and hard classes, Meding 2022 A.6; by accessibility, Hacohen 2020 s.2.
--
-- Means over the examples of the class of what the view learning_order says of each, over all runs;
-- beside them, accessibility over those that trained on the example and over those that held it
-- out. For the other columns over either, group learning_by_held_out by label.
-- NULL: accessibility_trained_on where no run trained on an example of the class,
-- accessibility_held_out where none held one out.

CREATE VIEW class_difficulty AS
SELECT
    mean.ensemble,
    mean.ensemble_id,
    mean.split,
    mean.class,
    dataset.class_names[mean.class + 1] AS class_name,
    mean.examples,
    mean.accessibility,
    mean.accuracy,
    mean.forgetting_events,
    -- As in the view accessibility.
    rank() OVER (
        PARTITION BY mean.ensemble_id, mean.ensemble, mean.split
        ORDER BY round(mean.accessibility * 1e12) DESC
    ) AS rank,
    mean.accessibility_trained_on,
    mean.accessibility_held_out
FROM (
    SELECT
        learning_order.ensemble,
        learning_order.ensemble_id,
        learning_order.split,
        learning_order.label AS class,
        count(*)::INTEGER AS examples,
        avg(learning_order.accessibility) AS accessibility,
        avg(learning_order.learned_share) AS accuracy,
        avg(learning_order.forgetting_events) AS forgetting_events,
        avg(learning_order.accessibility_trained_on) AS accessibility_trained_on,
        avg(learning_order.accessibility_held_out) AS accessibility_held_out
    FROM learning_order
    GROUP BY
        learning_order.ensemble,
        learning_order.ensemble_id,
        learning_order.split,
        learning_order.label
) AS mean
INNER JOIN ensemble ON mean.ensemble_id = ensemble.id AND mean.ensemble = ensemble.name
INNER JOIN dataset ON ensemble.dataset_id = dataset.id;

COMMENT ON VIEW class_difficulty IS
'How hard each class is: mean accessibility, final accuracy and forgetting of its examples.';
COMMENT ON COLUMN class_difficulty.class IS 'Index of the labelled class.';
COMMENT ON COLUMN class_difficulty.class_name IS 'Its name.';
COMMENT ON COLUMN class_difficulty.examples IS 'Examples of the class in the split.';
COMMENT ON COLUMN class_difficulty.accessibility IS
'Mean accessibility of the examples; high is easy.';
COMMENT ON COLUMN class_difficulty.accuracy IS
'Accuracy on the class in the end: mean over runs, each at its last recorded evaluation.';
COMMENT ON COLUMN class_difficulty.forgetting_events IS
'Mean over examples and runs of the number of times right is followed by wrong (Toneva 2019).';
COMMENT ON COLUMN class_difficulty.rank IS
'Place by falling accessibility within ensemble and split; equal values share a rank.';
COMMENT ON COLUMN class_difficulty.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN class_difficulty.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN class_difficulty.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN class_difficulty.accessibility_trained_on IS
'Mean accessibility over the runs that trained on each example, of the examples that have such.';
COMMENT ON COLUMN class_difficulty.accessibility_held_out IS
'Mean accessibility over the runs that held each example out, of the examples that have such.';
