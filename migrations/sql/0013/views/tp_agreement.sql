-- tp_agreement: the share of runs that classify an example correctly at one evaluation
-- Grain: one row per (ensemble, example, evaluation) that at least one counted run has recorded.
-- Source: TPa^e(x), Hacohen 2020 s.2 (the "consistency score" of Hacohen 2019).
--
-- tp_agreement is over all runs; beside it, over those that trained on the example and over those
-- that held it out (--split 90:10, --split parts:K, and every split other than train).
-- NULL: tp_agreement_trained_on and tp_agreement_held_out where there are no such runs. An
-- evaluation without runs has no row.

CREATE VIEW tp_agreement AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.evaluation,
    expanded.runs,
    expanded.correct AS runs_correct,
    expanded.correct::DOUBLE PRECISION / expanded.runs AS tp_agreement,
    expanded.block,
    expanded.runs_held_out,
    expanded.correct_held_out AS runs_correct_held_out,
    (expanded.correct - expanded.correct_held_out)::DOUBLE PRECISION
    / nullif(expanded.runs - expanded.runs_held_out, 0) AS tp_agreement_trained_on,
    expanded.correct_held_out::DOUBLE PRECISION / nullif(expanded.runs_held_out, 0)
        AS tp_agreement_held_out
FROM (
    SELECT
        number.*,
        CASE
            WHEN number.held_out IS NOT NULL
                THEN coalesce(number.runs_held_out_alone, number.held_out >> number.planes)
            WHEN number.split = 'train' THEN 0
            ELSE number.runs
        END AS runs_held_out,
        CASE
            WHEN number.held_out IS NOT NULL
                THEN number.held_out & ((1 << number.planes) - 1)
            WHEN number.split = 'train' THEN 0
            ELSE number.correct
        END AS correct_held_out
    FROM (
        -- Rows are made from the block and named by its first example: joining `example` here would
        -- let the planner expand a block once for each of its examples. Functions in the list of
        -- columns, not a lateral join, because their cost then counts when it chooses to share the
        -- work among processes.
        SELECT
            tp_block.ensemble,
            tp_block.ensemble_id,
            tp_block.split,
            tp_block.block,
            block.first_example,
            block.first_position,
            tp_block.evaluation,
            tp_block.runs,
            generate_series(0, block.size - 1) AS slot,
            unnest(unslice(tp_block.correct)) AS correct,
            unnest(unslice(block.label)) AS label,
            -- Two numbers in one, which costs less than two; none where no run has a bitmap. With
            -- more than 31 digits together they do not fit into an integer, and are two.
            cardinality(tp_block.correct_held_out) AS planes,
            unnest(unslice(
                tp_block.correct_held_out
                || CASE
                    WHEN cardinality(tp_block.correct_held_out || tp_block.runs_held_out) <= 31
                        THEN tp_block.runs_held_out
                END
            )) AS held_out,
            unnest(unslice(CASE
                WHEN cardinality(tp_block.correct_held_out || tp_block.runs_held_out) > 31
                    THEN tp_block.runs_held_out
            END)) AS runs_held_out_alone
        FROM tp_block
        INNER JOIN block ON tp_block.dataset_id = block.dataset_id AND tp_block.block = block.block
    ) AS number
) AS expanded;

COMMENT ON VIEW tp_agreement IS
'Share of runs that are right about each example at each evaluation (Hacohen 2020 s.2).';
COMMENT ON COLUMN tp_agreement.runs IS 'Counted runs that have recorded the evaluation.';
COMMENT ON COLUMN tp_agreement.runs_correct IS 'Runs that are right.';
COMMENT ON COLUMN tp_agreement.tp_agreement IS 'runs_correct / runs, from 0 to 1.';
COMMENT ON COLUMN tp_agreement.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN tp_agreement.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN tp_agreement.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN tp_agreement.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN tp_agreement.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN tp_agreement.label IS 'Index of the labelled class.';
COMMENT ON COLUMN tp_agreement.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN tp_agreement.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
COMMENT ON COLUMN tp_agreement.runs_held_out IS 'Those runs that held the example out.';
COMMENT ON COLUMN tp_agreement.runs_correct_held_out IS 'Those of them that are right.';
COMMENT ON COLUMN tp_agreement.tp_agreement_trained_on IS
'Share that are right of the runs that trained on the example.';
COMMENT ON COLUMN tp_agreement.tp_agreement_held_out IS
'Share that are right of the runs that held it out.';
