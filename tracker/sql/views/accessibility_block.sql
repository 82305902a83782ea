-- accessibility_block: the accessibility of each example of a block
-- Grain: one row per (ensemble, block) with at least one recorded evaluation.
-- Source: the mean over evaluations of Tp-agreement, Hacohen 2020 s.2.
--
-- A building block: `accessibility` has one number an example, in order.

CREATE VIEW accessibility_block AS
SELECT
    tally.ensemble,
    tally.ensemble_id,
    tally.dataset_id,
    tally.block,
    tally.evaluations,
    CASE
        -- In a complete ensemble there is one part: nothing to add up.
        WHEN CARDINALITY(tally.runs) = 1
            THEN
                ARRAY(
                    SELECT
                        UNNEST(tally.correct)::DOUBLE PRECISION
                        / tally.runs[1] / tally.evaluations
                )
        ELSE ARRAY(
            SELECT
                SUM(
                    share.correct::DOUBLE PRECISION
                    / tally.runs[((share.place - 1) / tally.size)::INTEGER + 1]
                ) / tally.evaluations
            FROM UNNEST(tally.correct) WITH ORDINALITY AS share (correct, place)
            GROUP BY (share.place - 1) % tally.size
            ORDER BY (share.place - 1) % tally.size
        )
    END AS accessibility,
    tally.split
FROM (
    SELECT
        part.ensemble,
        part.ensemble_id,
        part.dataset_id,
        part.block,
        part.split,
        SUM(part.evaluations)::INTEGER AS evaluations,
        MIN(CARDINALITY(part.correct)) AS size,
        ARRAY_AGG(part.runs) AS runs,
        ARRAY_AGG(part.correct) AS correct
    FROM (
        -- Tp-agreement at an evaluation is a share of the runs that have recorded it, so counts
        -- are added up apart for each number of runs: one part in a complete ensemble.
        SELECT
            tp_block.ensemble,
            tp_block.ensemble_id,
            tp_block.dataset_id,
            tp_block.block,
            tp_block.split,
            tp_block.runs,
            COUNT(*) AS evaluations,
            UNSLICE(BITSLICE_SUM(tp_block.correct)) AS correct
        FROM tp_block
        GROUP BY
            tp_block.ensemble,
            tp_block.ensemble_id,
            tp_block.dataset_id,
            tp_block.block,
            tp_block.split,
            tp_block.runs
    ) AS part
    GROUP BY part.ensemble, part.ensemble_id, part.dataset_id, part.block, part.split
) AS tally;

COMMENT ON VIEW accessibility_block IS
'Accessibility of each example of a block.';
COMMENT ON COLUMN accessibility_block.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN accessibility_block.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN accessibility_block.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN accessibility_block.block IS 'Block of examples: see the table block.';
COMMENT ON COLUMN accessibility_block.evaluations IS
'Evaluations that at least one run has recorded.';
COMMENT ON COLUMN accessibility_block.accessibility IS
'Mean over evaluations of the share of runs that are right; one number an example.';
COMMENT ON COLUMN accessibility_block.split IS 'Split of the block: train or test.';
