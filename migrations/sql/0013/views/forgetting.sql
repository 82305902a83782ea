-- forgetting: how one run learned, forgot and learned again each example
-- Grain: one row per (run, example) with at least one recorded evaluation.
-- Source: forgetting and learning events, never learned, unforgettable: Toneva 2019; first correct
-- and last mistake: Hu 2022; learned: Hacohen 2020 s.3.1.
--
-- NULL: first_correct where the run was never right, learned where it is wrong at its last
-- evaluation. last_mistake is 0 where the run was never wrong.
--
-- Numbers are expanded two in one, which costs little more than one alone: with five for each of
-- millions of rows, expanding is most of the work. From ordinal 32,767 on, of 16 digits, two no
-- longer fit into an integer: then `learned` and `label` are expanded alone, else they are not.

CREATE VIEW forgetting AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.run_id,
    expanded.seed,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    coalesce(expanded.label, expanded.last_mistake_and_label >> expanded.planes) AS label,
    expanded.evaluations,
    expanded.events >> 2 AS forgetting_events,
    -- Right and wrong take turns: the two kinds of events differ by what came first and last.
    (expanded.events >> 2) + (expanded.events & 3) - 1 AS learning_events,
    nullif(expanded.first_correct_and_learned & expanded.never, expanded.never) AS first_correct,
    expanded.last_mistake_and_label & expanded.never AS last_mistake,
    nullif(
        coalesce(expanded.learned, expanded.first_correct_and_learned >> expanded.planes),
        expanded.never
    ) AS learned,
    expanded.first_correct_and_learned & expanded.never = expanded.never AS never_learned,
    expanded.events < 4
    AND expanded.first_correct_and_learned & expanded.never < expanded.never AS unforgettable,
    coalesce(get_bit(expanded.held_out, expanded.slot) = 1, expanded.split <> 'train') AS held_out,
    expanded.block
FROM (
    SELECT
        history_block.ensemble,
        history_block.ensemble_id,
        history_block.run_id,
        history_block.seed,
        history_block.evaluations,
        history_block.planes,
        (1 << history_block.planes) - 1 AS never,
        history_block.split,
        history_block.block,
        block.first_example,
        block.first_position,
        run_block.held_out,
        generate_series(0, block.size - 1) AS slot,
        -- 1 + at_last - at_first, from 0 to 2, below the number of forgetting events.
        unnest(unslice(
            ARRAY[
                (history_block.at_last & history_block.at_first)
                | ~(history_block.at_last | history_block.at_first),
                history_block.at_last & ~history_block.at_first
            ]
            || history_block.forgotten
        )) AS events,
        unnest(unslice(
            history_block.first_correct
            || CASE WHEN history_block.planes <= 15 THEN history_block.learned END
        )) AS first_correct_and_learned,
        unnest(unslice(CASE WHEN history_block.planes > 15 THEN history_block.learned END))
            AS learned,
        unnest(unslice(
            history_block.last_mistake || CASE WHEN history_block.planes <= 15 THEN block.label END
        )) AS last_mistake_and_label,
        unnest(unslice(CASE WHEN history_block.planes > 15 THEN block.label END)) AS label
    FROM history_block
    INNER JOIN block
        ON history_block.dataset_id = block.dataset_id AND history_block.block = block.block
    LEFT JOIN run_block
        ON history_block.run_id = run_block.run_id AND history_block.block = run_block.block
) AS expanded;

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
COMMENT ON COLUMN forgetting.held_out IS 'Did the run not train on the example?';
COMMENT ON COLUMN forgetting.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN forgetting.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN forgetting.run_id IS 'Id of the run.';
COMMENT ON COLUMN forgetting.seed IS 'Seed of the run.';
COMMENT ON COLUMN forgetting.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN forgetting.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN forgetting.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN forgetting.label IS 'Index of the labelled class.';
COMMENT ON COLUMN forgetting.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
