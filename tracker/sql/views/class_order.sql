-- class_order: which classes an ensemble is right about, from evaluation to evaluation
-- Grain: one row per (ensemble, split, class that has examples there, evaluation) that at least one
-- counted run has recorded.
-- Source: classes are learned in an order that networks share, Hacohen 2019 app. E.
--
-- tp_agreement and rank are over all runs; beside them, tp_agreement over the pairs of a run and an
-- example that it trained on, and over the pairs of a run and an example that it held out.
-- NULL: tp_agreement_trained_on and tp_agreement_held_out where there are no such pairs.

CREATE VIEW class_order AS
SELECT
    score.ensemble,
    score.ensemble_id,
    score.split,
    score.class,
    dataset.class_names[score.class + 1] AS class_name,
    score.evaluation,
    score.runs,
    score.examples,
    score.tp_agreement,
    rank() OVER (
        PARTITION BY score.ensemble_id, score.ensemble, score.split, score.evaluation
        ORDER BY score.tp_agreement DESC
    ) AS rank,
    score.tp_agreement_trained_on,
    score.tp_agreement_held_out
FROM (
    SELECT
        tally.ensemble,
        tally.ensemble_id,
        tally.split,
        tally.class,
        tally.evaluation,
        tally.runs,
        tally.examples::INTEGER AS examples,
        -- Whole numbers divided once: equal shares are equal to the last bit.
        tally.correct::DOUBLE PRECISION / (tally.runs * tally.examples) AS tp_agreement,
        CASE
            WHEN tally.held_out IS NOT NULL
                THEN
                    (tally.correct - tally.correct_held_out)::DOUBLE PRECISION
                    / nullif(tally.runs * tally.examples - tally.held_out, 0)
            WHEN tally.split = 'train'
                THEN tally.correct::DOUBLE PRECISION / (tally.runs * tally.examples)
        END AS tp_agreement_trained_on,
        CASE
            WHEN tally.held_out IS NOT NULL
                THEN tally.correct_held_out::DOUBLE PRECISION / nullif(tally.held_out, 0)
            WHEN tally.split <> 'train'
                THEN tally.correct::DOUBLE PRECISION / (tally.runs * tally.examples)
        END AS tp_agreement_held_out
    FROM (
        SELECT
            tp_block.ensemble,
            tp_block.ensemble_id,
            tp_block.split,
            of_class.class,
            tp_block.evaluation,
            tp_block.runs,
            sum(bit_count(of_class.members)) AS examples,
            sum(bitslice_total_of(tp_block.correct, of_class.members)) AS correct,
            sum(bitslice_total_of(tp_block.runs_held_out, of_class.members)) AS held_out,
            sum(bitslice_total_of(tp_block.correct_held_out, of_class.members))
                AS correct_held_out
        FROM tp_block
        INNER JOIN (
            SELECT
                block.dataset_id,
                block.block,
                part.value AS class,
                part.members
            FROM block
            CROSS JOIN LATERAL bitslice_groups(block.label) AS part
        ) AS of_class
            ON tp_block.dataset_id = of_class.dataset_id AND tp_block.block = of_class.block
        GROUP BY
            tp_block.ensemble,
            tp_block.ensemble_id,
            tp_block.split,
            of_class.class,
            tp_block.evaluation,
            tp_block.runs
    ) AS tally
) AS score
INNER JOIN ensemble ON score.ensemble_id = ensemble.id AND score.ensemble = ensemble.name
INNER JOIN dataset ON ensemble.dataset_id = dataset.id;

COMMENT ON VIEW class_order IS
'Mean Tp-agreement of each class at each evaluation, and its place among the classes.';
COMMENT ON COLUMN class_order.class IS 'Index of the labelled class.';
COMMENT ON COLUMN class_order.class_name IS 'Its name.';
COMMENT ON COLUMN class_order.runs IS 'Counted runs that have recorded the evaluation.';
COMMENT ON COLUMN class_order.examples IS 'Examples of the class in the split.';
COMMENT ON COLUMN class_order.tp_agreement IS
'Mean over the examples of the share of runs that are right: the accuracy on the class.';
COMMENT ON COLUMN class_order.rank IS
'Place by falling tp_agreement among the classes of the split; equal values share a rank.';
COMMENT ON COLUMN class_order.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN class_order.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN class_order.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN class_order.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN class_order.tp_agreement_trained_on IS
'Share that are right of the answers about examples that the run trained on.';
COMMENT ON COLUMN class_order.tp_agreement_held_out IS
'Share that are right of the answers about examples that the run held out.';
