-- correctness_block: the share of right evaluations of each example of a block, mean over runs
-- Grain: one row per (ensemble, block) of which a counted run has summarised the confidence.
-- Source: correctness, Swayamdipta 2020 s.2, of each run that has a summary.
--
-- A building block: `correctness` has one number an example, in order. All those runs count,
-- whether they trained on an example or held it out, as in data_map.

CREATE VIEW correctness_block AS
SELECT
    tally.ensemble,
    tally.ensemble_id,
    tally.dataset_id,
    tally.block,
    tally.runs,
    ARRAY(
        SELECT
            SUM(
                share.correct::DOUBLE PRECISION
                / tally.evaluations[((share.place - 1) / tally.size)::INTEGER + 1]
            ) / tally.runs
        FROM UNNEST(tally.correct) WITH ORDINALITY AS share (correct, place)
        GROUP BY (share.place - 1) % tally.size
        ORDER BY (share.place - 1) % tally.size
    ) AS correctness,
    tally.split
FROM (
    SELECT
        part.ensemble,
        part.ensemble_id,
        part.dataset_id,
        part.block,
        part.split,
        SUM(part.runs)::INTEGER AS runs,
        MIN(CARDINALITY(part.correct)) AS size,
        ARRAY_AGG(part.evaluations) AS evaluations,
        ARRAY_AGG(part.correct) AS correct
    FROM (
        -- A run's share is of the evaluations that it has recorded, so counts are added up apart
        -- for each number of evaluations: one part in a complete ensemble.
        SELECT
            history.ensemble,
            history.ensemble_id,
            history.dataset_id,
            outcome_block.block,
            block.split,
            history.evaluations,
            COUNT(*) / history.evaluations AS runs,
            UNSLICE(BITSLICE_SUM(outcome_block.correct)) AS correct
        FROM (
            SELECT
                counted_run.ensemble,
                counted_run.ensemble_id,
                counted_run.dataset_id,
                counted_run.run_id,
                COUNT(*) AS evaluations
            FROM counted_run
            INNER JOIN evaluation ON counted_run.run_id = evaluation.run_id
            WHERE
                EXISTS (
                    SELECT FROM signal_summary
                    WHERE
                        signal_summary.run_id = counted_run.run_id
                        AND signal_summary.signal = 'confidence'
                )
            GROUP BY
                counted_run.ensemble,
                counted_run.ensemble_id,
                counted_run.dataset_id,
                counted_run.run_id
        ) AS history
        INNER JOIN outcome_block ON history.run_id = outcome_block.run_id
        INNER JOIN block
            ON history.dataset_id = block.dataset_id AND outcome_block.block = block.block
        GROUP BY
            history.ensemble,
            history.ensemble_id,
            history.dataset_id,
            outcome_block.block,
            block.split,
            history.evaluations
    ) AS part
    GROUP BY part.ensemble, part.ensemble_id, part.dataset_id, part.block, part.split
) AS tally;

COMMENT ON VIEW correctness_block IS
'Share of right evaluations of each example of a block, mean over runs.';
COMMENT ON COLUMN correctness_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN correctness_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN correctness_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN correctness_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN correctness_block.runs IS 'Counted runs that have summarised the confidence.';
COMMENT ON COLUMN correctness_block.correctness IS
'Mean over runs of the share of the evaluations that are right; one number an example.';
COMMENT ON COLUMN correctness_block.split IS 'Split of the block: train or test.';
