-- tp_block: how many runs are right about each example, as slices
-- Grain: one row per (ensemble, block, evaluation) that at least one counted run has recorded.
-- Source: the numerator of Tp-agreement, Hacohen 2020 s.2.
--
-- A building block (slices: see bitslice_sum): `correct` holds the counts, `runs` their maximum.
-- NULL: runs_held_out and correct_held_out where no such run has a bitmap of what it held out
-- (run_block): all of them trained on the block, if it is of the split train, or none did.

CREATE VIEW tp_block AS
SELECT
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    outcome_block.block,
    outcome_block.evaluation,
    count(*)::INTEGER AS runs,
    bitslice_sum(outcome_block.correct) AS correct,
    block.split,
    nullif(
        bitslice_sum(run_block.held_out) FILTER (WHERE run_block.held_out IS NOT NULL), '{}'
    ) AS runs_held_out,
    nullif(
        bitslice_sum(outcome_block.correct & run_block.held_out)
        FILTER (WHERE run_block.held_out IS NOT NULL),
        '{}'
    ) AS correct_held_out
FROM counted_run
INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
INNER JOIN block
    ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
LEFT JOIN run_block
    ON outcome_block.run_id = run_block.run_id AND outcome_block.block = run_block.block
GROUP BY
    counted_run.ensemble_id,
    counted_run.ensemble,
    counted_run.dataset_id,
    outcome_block.block,
    outcome_block.evaluation,
    block.split;

COMMENT ON VIEW tp_block IS 'Right answers per example over the runs, as bit slices.';
COMMENT ON COLUMN tp_block.runs IS 'Counted runs that have recorded the evaluation.';
COMMENT ON COLUMN tp_block.correct IS 'Slices of the number of runs that are right.';
COMMENT ON COLUMN tp_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN tp_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN tp_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN tp_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN tp_block.evaluation IS 'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN tp_block.split IS 'Split of the block: train or test.';
COMMENT ON COLUMN tp_block.runs_held_out IS
'Slices of the number of those runs that held the example out.';
COMMENT ON COLUMN tp_block.correct_held_out IS 'Slices of the number of them that are right.';
