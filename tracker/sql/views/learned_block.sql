-- learned_block: when the runs of an ensemble learn each example of a block, added up as slices
-- Grain: one row per (ensemble, block) with at least one recorded evaluation.
-- Source: learned Hacohen 2020 s.3.1; first correct and last mistake Hu 2022; forgetting events and
-- never learned Toneva 2019.
--
-- A building block (slices: see bitslice_count). Of the number that stands for "never" (see
-- history_block) the sums are free; to the medians it is a number like others, above all. All runs
-- count, whether they trained on an example or held it out: learned_held_out_block tells them
-- apart.

CREATE VIEW learned_block AS
SELECT
    history_block.ensemble,
    history_block.ensemble_id,
    history_block.dataset_id,
    history_block.block,
    count(*)::INTEGER AS runs,
    bitslice_sum(history_block.at_last) AS learned_runs,
    bitslice_sum(history_block.ever) AS met_runs,
    bitslice_sum(bitslice_mask(history_block.learned, history_block.at_last)) AS learned,
    bitslice_select(array_agg(history_block.learned), (count(*)::INTEGER + 1) / 2) AS lower_median,
    bitslice_select(array_agg(history_block.learned), count(*)::INTEGER / 2 + 1) AS upper_median,
    bitslice_sum(bitslice_mask(history_block.first_correct, history_block.ever)) AS first_correct,
    bitslice_sum(history_block.last_mistake) AS last_mistake,
    bitslice_sum(history_block.forgotten) AS forgotten,
    history_block.split
FROM history_block
GROUP BY
    history_block.ensemble,
    history_block.ensemble_id,
    history_block.dataset_id,
    history_block.block,
    history_block.split,
    history_block.planes;

COMMENT ON VIEW learned_block IS
'When the runs of an ensemble learn each example of a block, added up as bit slices.';
COMMENT ON COLUMN learned_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN learned_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN learned_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN learned_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN learned_block.runs IS 'Counted runs that have recorded an evaluation.';
COMMENT ON COLUMN learned_block.learned_runs IS
'Slices of the number of runs that are right at their last evaluation.';
COMMENT ON COLUMN learned_block.met_runs IS 'Slices of the number of runs that were ever right.';
COMMENT ON COLUMN learned_block.learned IS
'Slices of the sum, over the runs that have learned it, of the evaluation from which on they are '
'always right.';
COMMENT ON COLUMN learned_block.lower_median IS
'Slices of the lower median of the same over all runs, those that have not learned it counting '
'as later than any.';
COMMENT ON COLUMN learned_block.upper_median IS
'Slices of the upper median: another than the lower one where the number of runs is even.';
COMMENT ON COLUMN learned_block.first_correct IS
'Slices of the sum of the first evaluations that are right, over the runs that were ever right.';
COMMENT ON COLUMN learned_block.last_mistake IS
'Slices of the sum of the last evaluations that are wrong; 0 for a run without mistakes.';
COMMENT ON COLUMN learned_block.forgotten IS
'Slices of the number of times that right is followed by wrong.';
COMMENT ON COLUMN learned_block.split IS 'Split of the block: train or test.';
