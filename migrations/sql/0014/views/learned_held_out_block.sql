-- learned_held_out_block: learned_block of the runs that trained on each example, and of the others
-- Grain: one row per (ensemble, block, held out or not) of which at least one run with a recorded
-- evaluation trained on an example (held_out false) or held one out (true).
-- Source: as learned_block.
--
-- A building block (slices: see bitslice_count). An example counts the runs that trained on it in
-- the one row, those that held it out in the other: `runs` says how many. Where there are none, the
-- medians are 0.

CREATE VIEW learned_held_out_block AS
SELECT
    total.ensemble,
    total.ensemble_id,
    total.dataset_id,
    total.block,
    total.held_out,
    total.runs,
    total.learned_runs,
    total.met_runs,
    total.learned,
    -- The runs that do not count are never learned in, and so above the medians of the others: the
    -- (runs + 1) / 2-th and the (runs / 2 + 1)-th of them. To drop the lowest slice is to halve.
    bitslice_select(
        total.epochs, (bitslice_add(total.runs, ARRAY[bitslice_at_least(total.runs, 1)]))[2:]
    ) AS lower_median,
    bitslice_select(
        total.epochs, bitslice_add(total.runs[2:], ARRAY[bitslice_at_least(total.runs, 1)])
    ) AS upper_median,
    total.first_correct,
    total.last_mistake,
    total.forgotten,
    total.split
FROM (
    SELECT
        history_block.ensemble,
        history_block.ensemble_id,
        history_block.dataset_id,
        history_block.block,
        history_block.split,
        side.held_out,
        bitslice_sum(side.members) AS runs,
        bitslice_sum(history_block.at_last & side.members) AS learned_runs,
        bitslice_sum(history_block.ever & side.members) AS met_runs,
        bitslice_sum(bitslice_mask(history_block.learned, history_block.at_last & side.members))
            AS learned,
        array_agg(bitslice_never(history_block.learned, side.members)) AS epochs,
        bitslice_sum(
            bitslice_mask(history_block.first_correct, history_block.ever & side.members)
        ) AS first_correct,
        bitslice_sum(bitslice_mask(history_block.last_mistake, side.members)) AS last_mistake,
        bitslice_sum(bitslice_mask(history_block.forgotten, side.members)) AS forgotten
    FROM history_block
    -- Not run_held_out, which says the same: it would be joined as if it had few rows, and history
    -- be made once for each of them.
    LEFT JOIN run_block
        ON history_block.run_id = run_block.run_id AND history_block.block = run_block.block
    CROSS JOIN
        LATERAL (
            VALUES
            (
                FALSE,
                CASE
                    WHEN run_block.held_out IS NOT NULL THEN ~run_block.held_out
                    WHEN history_block.split = 'train'
                        THEN history_block.ever | ~history_block.ever
                END
            ),
            (
                TRUE,
                CASE
                    WHEN run_block.held_out IS NOT NULL THEN run_block.held_out
                    WHEN history_block.split <> 'train'
                        THEN history_block.ever | ~history_block.ever
                END
            )
        ) AS side (held_out, members)
    WHERE bit_count(side.members) > 0
    GROUP BY
        history_block.ensemble,
        history_block.ensemble_id,
        history_block.dataset_id,
        history_block.block,
        history_block.split,
        history_block.planes,
        side.held_out
) AS total;

COMMENT ON VIEW learned_held_out_block IS
'When the runs that trained on each example of a block learn it, and when those that held it out '
'are right about it for good, added up as bit slices.';
COMMENT ON COLUMN learned_held_out_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN learned_held_out_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN learned_held_out_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN learned_held_out_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN learned_held_out_block.held_out IS
'Of the runs that held the example out, or of those that trained on it?';
COMMENT ON COLUMN learned_held_out_block.runs IS
'Slices of the number of those runs that have recorded an evaluation.';
COMMENT ON COLUMN learned_held_out_block.learned_runs IS
'Slices of the number of them that are right at their last evaluation.';
COMMENT ON COLUMN learned_held_out_block.met_runs IS
'Slices of the number of them that were ever right.';
COMMENT ON COLUMN learned_held_out_block.learned IS
'Slices of the sum, over those of them that have learned it, of the evaluation from which on they '
'are always right.';
COMMENT ON COLUMN learned_held_out_block.lower_median IS
'Slices of the lower median of the same over all of them, those that have not learned it counting '
'as later than any.';
COMMENT ON COLUMN learned_held_out_block.upper_median IS
'Slices of the upper median: another than the lower one where their number is even.';
COMMENT ON COLUMN learned_held_out_block.first_correct IS
'Slices of the sum of the first evaluations that are right, over those that were ever right.';
COMMENT ON COLUMN learned_held_out_block.last_mistake IS
'Slices of the sum of the last evaluations that are wrong; 0 for a run without mistakes.';
COMMENT ON COLUMN learned_held_out_block.forgotten IS
'Slices of the number of times that right is followed by wrong.';
COMMENT ON COLUMN learned_held_out_block.split IS 'Split of the block: train or test.';
