-- learning_block: how many runs have learned, met or forgotten each example, as slices
-- Grain: one row per (ensemble, block, evaluation) from the ensemble's first evaluation recorded
-- to its last.
-- Source: Hacohen 2020 s.3.1 (learned), Hu 2022 (first correct, last mistake), Toneva 2019
-- (forgetting).
--
-- A building block (slices: see bitslice_sum). A run stands at an evaluation that it has not
-- recorded with its latest one before: so a gap, or a run behind the others, reads as no change.
-- `learned` counts the runs right from here on, `met` those right by now; both count standing
-- runs. `correct`, `forgotten` and `unbroken` count recorded evaluations only.

CREATE VIEW learning_block AS
SELECT
    block_history.ensemble_id,
    block_history.ensemble,
    block_history.dataset_id,
    block_history.block,
    standing.evaluation,
    extent.first_evaluation,
    extent.last_evaluation,
    extent.evaluations,
    count(*) FILTER (WHERE standing.evaluation = block_history.evaluation)::INTEGER AS runs,
    bitslice_sum(block_history.correct)
    FILTER (WHERE standing.evaluation = block_history.evaluation)
        AS correct,
    bitslice_sum(block_history.correct_from_now) AS learned,
    bitslice_sum(block_history.correct_by_now) AS met,
    bitslice_sum(block_history.forgotten)
    FILTER (WHERE standing.evaluation = block_history.evaluation)
        AS forgotten,
    bitslice_sum(
        block_history.correct_from_now,
        block_history.evaluation - block_history.previous_evaluation
    )
    FILTER (WHERE standing.evaluation = block_history.evaluation)
        AS unbroken
FROM block_history
INNER JOIN (
    SELECT
        ensemble_evaluation.ensemble_id,
        ensemble_evaluation.ensemble,
        min(ensemble_evaluation.evaluation) AS first_evaluation,
        max(ensemble_evaluation.evaluation) AS last_evaluation,
        count(*)::INTEGER AS evaluations
    FROM ensemble_evaluation
    GROUP BY ensemble_evaluation.ensemble_id, ensemble_evaluation.ensemble
) AS extent
    ON
        block_history.ensemble_id = extent.ensemble_id
        AND block_history.ensemble = extent.ensemble
CROSS JOIN
    LATERAL generate_series(
        block_history.evaluation,
        coalesce(block_history.next_evaluation - 1, extent.last_evaluation)
    ) AS standing (evaluation)
GROUP BY
    block_history.ensemble_id,
    block_history.ensemble,
    block_history.dataset_id,
    block_history.block,
    standing.evaluation,
    extent.first_evaluation,
    extent.last_evaluation,
    extent.evaluations;

COMMENT ON VIEW learning_block IS
'Runs that have learned, met or forgotten each example, as bit slices.';
COMMENT ON COLUMN learning_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN learning_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN learning_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN learning_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN learning_block.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN learning_block.first_evaluation IS
'First evaluation that a run of the ensemble has recorded.';
COMMENT ON COLUMN learning_block.last_evaluation IS
'Last evaluation that a run of the ensemble has recorded.';
COMMENT ON COLUMN learning_block.evaluations IS 'Evaluations that at least one run has recorded.';
COMMENT ON COLUMN learning_block.runs IS 'Runs that have recorded this evaluation.';
COMMENT ON COLUMN learning_block.correct IS 'Slices: runs right at this evaluation.';
COMMENT ON COLUMN learning_block.learned IS 'Slices: runs right from here on.';
COMMENT ON COLUMN learning_block.met IS 'Slices: runs right by now.';
COMMENT ON COLUMN learning_block.forgotten IS
'Slices: runs that forget the example at this evaluation.';
COMMENT ON COLUMN learning_block.unbroken IS
'Slices: runs right from here on, weighted by the evaluations since the one before.';
