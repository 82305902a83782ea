-- forgetting: how one run learned, forgot and learned again each example
-- Grain: one row per (run, example) with at least one recorded evaluation.
-- Source: forgetting and learning events, never learned, unforgettable: Toneva 2019; first correct
-- and last mistake: Hu 2022; learned: Hacohen 2020 s.3.1.
--
-- NULL: first_correct where the run was never right, learned where it is wrong at its last
-- evaluation. last_mistake is 0 where the run was never wrong.

CREATE VIEW forgetting AS
SELECT
    history.ensemble,
    history.ensemble_id,
    history.run_id,
    history.seed,
    block.split,
    (block.first_example + value.place - 1)::INTEGER AS example_id,
    (block.first_position + value.place - 1)::INTEGER AS position,
    value.label,
    history.evaluations,
    coalesce(value.forgotten, 0) AS forgetting_events,
    coalesce(value.acquired, 0) AS learning_events,
    CASE WHEN value.met > 0 THEN history.last_evaluation + 1 - value.met END AS first_correct,
    history.last_evaluation - value.unbroken AS last_mistake,
    CASE WHEN value.learned > 0 THEN history.last_evaluation + 1 - value.learned END AS learned,
    value.met = 0 AS never_learned,
    value.met > 0 AND coalesce(value.forgotten, 0) = 0 AS unforgettable
FROM (
    SELECT
        run_history.ensemble,
        run_history.ensemble_id,
        run_history.dataset_id,
        run_history.run_id,
        run_history.seed,
        run_history.block,
        count(*)::INTEGER AS evaluations,
        max(run_history.evaluation) AS last_evaluation,
        unslice(bitslice_sum(run_history.forgotten)) AS forgotten,
        unslice(bitslice_sum(run_history.acquired)) AS acquired,
        -- Each evaluation stands for itself and for those not recorded after it.
        unslice(bitslice_sum(
            run_history.correct_by_now,
            coalesce(run_history.next_evaluation - run_history.evaluation, 1)
        )) AS met,
        unslice(bitslice_sum(
            run_history.correct_from_now,
            coalesce(run_history.next_evaluation - run_history.evaluation, 1)
        )) AS learned,
        -- For the last mistake it stands for those not recorded before it.
        unslice(bitslice_sum(
            run_history.correct_from_now,
            run_history.evaluation - run_history.previous_evaluation
        )) AS unbroken
    FROM block_history AS run_history
    GROUP BY
        run_history.ensemble,
        run_history.ensemble_id,
        run_history.dataset_id,
        run_history.run_id,
        run_history.seed,
        run_history.block
) AS history
INNER JOIN block ON history.dataset_id = block.dataset_id AND history.block = block.block
CROSS JOIN
    LATERAL unnest(
        history.forgotten,
        history.acquired,
        history.met,
        history.learned,
        history.unbroken,
        unslice(block.label)
    ) WITH ORDINALITY AS value (forgotten, acquired, met, learned, unbroken, label, place);

COMMENT ON VIEW forgetting IS
'How each run learned and forgot each example: events, first correct, last mistake.';
COMMENT ON COLUMN forgetting.evaluations IS 'Evaluations that the run has recorded.';
COMMENT ON COLUMN forgetting.forgetting_events IS 'Times that right is followed by wrong.';
COMMENT ON COLUMN forgetting.learning_events IS 'Times that wrong is followed by right.';
COMMENT ON COLUMN forgetting.first_correct IS 'First evaluation that is right.';
COMMENT ON COLUMN forgetting.last_mistake IS 'Last evaluation that is wrong; 0 if none.';
COMMENT ON COLUMN forgetting.learned IS 'Evaluation from which on the run is always right.';
COMMENT ON COLUMN forgetting.never_learned IS 'Right at no evaluation.';
COMMENT ON COLUMN forgetting.unforgettable IS 'Right at some evaluation and never forgotten.';
COMMENT ON COLUMN forgetting.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN forgetting.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN forgetting.run_id IS 'Id of the run.';
COMMENT ON COLUMN forgetting.seed IS 'Seed of the run.';
COMMENT ON COLUMN forgetting.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN forgetting.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN forgetting.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN forgetting.label IS 'Index of the labelled class.';
