-- decision_swaps: how many answers of a run turn right or wrong between two evaluations
-- Grain: one row per (run, split, evaluation recorded) but the run's first.
-- Source: Meding 2022 s.3.1.
--
-- The first evaluation of a run follows none and has no row. Where evaluations are missing, the one
-- recorded before is compared.
-- NULL: trained_on_swap_share where the run trained on no example of the split,
-- held_out_swap_share where it held none out.

CREATE VIEW decision_swaps AS
SELECT
    tally.ensemble,
    tally.ensemble_id,
    tally.run_id,
    tally.seed,
    tally.split,
    tally.evaluation,
    tally.previous_evaluation,
    (tally.forgotten + tally.learned)::INTEGER AS swaps,
    tally.forgotten::INTEGER AS forgotten,
    tally.learned::INTEGER AS learned,
    tally.examples::INTEGER AS examples,
    (tally.forgotten + tally.learned)::DOUBLE PRECISION / tally.examples AS swap_share,
    (tally.examples - tally.held_out)::INTEGER AS trained_on_examples,
    (tally.forgotten + tally.learned - tally.held_out_swaps)::DOUBLE PRECISION
    / nullif(tally.examples - tally.held_out, 0) AS trained_on_swap_share,
    tally.held_out::INTEGER AS held_out_examples,
    tally.held_out_swaps::DOUBLE PRECISION / nullif(tally.held_out, 0) AS held_out_swap_share
FROM (
    SELECT
        pair.ensemble,
        pair.ensemble_id,
        pair.run_id,
        pair.seed,
        pair.split,
        pair.evaluation,
        pair.previous_evaluation,
        sum(bit_count(pair.previous & ~pair.correct)) AS forgotten,
        sum(bit_count(pair.correct & ~pair.previous)) AS learned,
        sum(pair.size) AS examples,
        sum(
            CASE
                WHEN pair.held_out IS NOT NULL THEN bit_count(pair.held_out)
                WHEN pair.split = 'train' THEN 0
                ELSE pair.size
            END
        ) AS held_out,
        sum(
            CASE
                WHEN pair.held_out IS NOT NULL
                    THEN
                        bit_count(pair.previous & ~pair.correct & pair.held_out)
                        + bit_count(pair.correct & ~pair.previous & pair.held_out)
                WHEN pair.split = 'train' THEN 0
                ELSE
                    bit_count(pair.previous & ~pair.correct)
                    + bit_count(pair.correct & ~pair.previous)
            END
        ) AS held_out_swaps
    FROM (
        SELECT
            counted_run.ensemble,
            counted_run.ensemble_id,
            counted_run.dataset_id,
            counted_run.run_id,
            counted_run.seed,
            outcome_block.block,
            block.split,
            block.size,
            run_block.held_out,
            outcome_block.evaluation,
            outcome_block.correct,
            lag(outcome_block.correct) OVER past AS previous,
            lag(outcome_block.evaluation) OVER past AS previous_evaluation
        FROM counted_run
        INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
        INNER JOIN block
            ON counted_run.dataset_id = block.dataset_id AND outcome_block.block = block.block
        LEFT JOIN run_block
            ON outcome_block.run_id = run_block.run_id AND outcome_block.block = run_block.block
        WINDOW past AS (
            PARTITION BY
                counted_run.ensemble,
                counted_run.ensemble_id,
                counted_run.run_id,
                outcome_block.block,
                block.split
            ORDER BY outcome_block.evaluation
        )
    ) AS pair
    WHERE pair.previous IS NOT NULL
    GROUP BY
        pair.ensemble,
        pair.ensemble_id,
        pair.run_id,
        pair.seed,
        pair.split,
        pair.evaluation,
        pair.previous_evaluation
) AS tally;

COMMENT ON VIEW decision_swaps IS
'Answers of each run that change between right and wrong from one evaluation to the next.';
COMMENT ON COLUMN decision_swaps.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN decision_swaps.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN decision_swaps.run_id IS 'Id of the run.';
COMMENT ON COLUMN decision_swaps.seed IS 'Seed of the run.';
COMMENT ON COLUMN decision_swaps.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN decision_swaps.evaluation IS
'Ordinal of the evaluation after which the answers differ from those before.';
COMMENT ON COLUMN decision_swaps.previous_evaluation IS 'The evaluation recorded before it.';
COMMENT ON COLUMN decision_swaps.swaps IS 'Examples whose correctness has changed.';
COMMENT ON COLUMN decision_swaps.forgotten IS 'Those that were right and are wrong.';
COMMENT ON COLUMN decision_swaps.learned IS 'Those that were wrong and are right.';
COMMENT ON COLUMN decision_swaps.examples IS 'Examples of the split.';
COMMENT ON COLUMN decision_swaps.swap_share IS 'swaps / examples, from 0 to 1.';
COMMENT ON COLUMN decision_swaps.trained_on_examples IS 'Those that the run trained on.';
COMMENT ON COLUMN decision_swaps.trained_on_swap_share IS
'Share of these whose correctness has changed.';
COMMENT ON COLUMN decision_swaps.held_out_examples IS 'Those that the run held out.';
COMMENT ON COLUMN decision_swaps.held_out_swap_share IS
'Share of these whose correctness has changed.';
