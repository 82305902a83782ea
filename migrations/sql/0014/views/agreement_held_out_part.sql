-- agreement_held_out_part: agreement_part of the runs that trained on an example, and of the others
-- Grain: one row per (ensemble, block, evaluation, held out or not) for which the predicted classes
-- of a run that trained on an example of the block (held_out false) or held one out (true) are
-- known.
-- Source: the numerator of agreement, Hacohen 2020 s.2.
--
-- What agreement_by_held_out is made of (slices: see bitslice_count). `part`, 0 to 3, tells four
-- shares of the evaluations apart: each has a scan of its own, which parallel workers share.

CREATE VIEW agreement_held_out_part AS
SELECT
    told.ensemble_id,
    told.ensemble,
    told.dataset_id,
    told.block,
    told.evaluation,
    told.evaluation % 4 AS part,
    side.held_out,
    side.runs,
    bitslice_mode(told.votes, side.members, told.num_classes) AS agreeing,
    told.split
FROM
    (
        SELECT
            run_held_out.ensemble_id,
            run_held_out.ensemble,
            run_held_out.dataset_id,
            run_held_out.block,
            run_held_out.split,
            dataset.num_classes,
            outcome_block.evaluation,
            -- In whatever order, but all three in the same.
            array_agg(outcome_block.predicted) AS votes,
            array_agg(~run_held_out.held_out) AS trained_on,
            array_agg(run_held_out.held_out) AS held_out,
            bitslice_sum(~run_held_out.held_out) AS runs_trained_on,
            bitslice_sum(run_held_out.held_out) AS runs_held_out
        FROM run_held_out
        INNER JOIN dataset ON run_held_out.dataset_id = dataset.id
        INNER JOIN outcome_block
            ON
                run_held_out.run_id = outcome_block.run_id
                AND run_held_out.block = outcome_block.block
        WHERE outcome_block.predicted IS NOT NULL
        GROUP BY
            run_held_out.ensemble_id,
            run_held_out.ensemble,
            run_held_out.dataset_id,
            run_held_out.block,
            run_held_out.split,
            dataset.num_classes,
            outcome_block.evaluation
    ) AS told
CROSS JOIN
    LATERAL (
        VALUES
        (FALSE, told.runs_trained_on, told.trained_on),
        (TRUE, told.runs_held_out, told.held_out)
    ) AS side (held_out, runs, members)
-- Of a kind of which the block has none there is no row.
WHERE bit_count(bitslice_at_least(side.runs, 1)) > 0;

COMMENT ON VIEW agreement_held_out_part IS
'The most of the runs that trained on each example that predict one class of it, and of those that '
'held it out, as bit slices.';
COMMENT ON COLUMN agreement_held_out_part.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN agreement_held_out_part.part IS 'Share of the evaluations, 0 to 3.';
COMMENT ON COLUMN agreement_held_out_part.held_out IS
'Of the runs that held the example out, or of those that trained on it?';
COMMENT ON COLUMN agreement_held_out_part.runs IS
'Slices of the number of those runs with a known predicted class.';
COMMENT ON COLUMN agreement_held_out_part.agreeing IS 'Slices of the number of them that agree.';
COMMENT ON COLUMN agreement_held_out_part.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN agreement_held_out_part.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN agreement_held_out_part.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN agreement_held_out_part.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN agreement_held_out_part.split IS 'Split of the block: train or test.';
