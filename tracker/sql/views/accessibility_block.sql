-- accessibility_block: the accessibility of each example of a block
-- Grain: one row per (ensemble, block) with at least one recorded evaluation.
-- Source: the mean over evaluations of Tp-agreement, Hacohen 2020 s.2.
--
-- A building block: `accessibility` has one number an example, in order, and so have those of the
-- runs that trained on the example and of those that held it out: means over the evaluations that
-- at least one such run has recorded, of the share of such runs that are right.
-- NULL: the latter two where no run has a bitmap of what it held out (run_block), and their number
-- of an example that no such run has.

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
    tally.split,
    tally.divided,
    CASE
        WHEN tally.divided
            THEN
                MEAN_SHARE(
                    ARRAY(
                        SELECT pair.correct - pair.held_out
                        FROM UNNEST(tally.correct, tally.correct_held_out)
                            AS pair (correct, held_out)
                    ),
                    ARRAY(
                        SELECT
                            tally.runs[((share.place - 1) / tally.size)::INTEGER + 1]
                            - share.held_out
                        FROM
                            UNNEST(tally.runs_held_out)
                            WITH ORDINALITY AS share (held_out, place)
                    ),
                    tally.part_evaluations
                )
    END AS accessibility_trained_on,
    CASE
        WHEN tally.divided
            THEN MEAN_SHARE(tally.correct_held_out, tally.runs_held_out, tally.part_evaluations)
    END AS accessibility_held_out
FROM (
    SELECT
        part.ensemble,
        part.ensemble_id,
        part.dataset_id,
        part.block,
        part.split,
        BOOL_OR(part.runs_held_out IS NOT NULL) AS divided,
        SUM(part.evaluations)::INTEGER AS evaluations,
        ARRAY_AGG(part.evaluations) AS part_evaluations,
        MIN(CARDINALITY(part.correct)) AS size,
        ARRAY_AGG(part.runs) AS runs,
        ARRAY_AGG(part.correct) AS correct,
        ARRAY_AGG(
            COALESCE(
                UNSLICE(part.runs_held_out),
                ARRAY_FILL(0, ARRAY[CARDINALITY(part.correct)])
            )
        ) AS runs_held_out,
        ARRAY_AGG(
            COALESCE(
                UNSLICE(part.correct_held_out),
                ARRAY_FILL(0, ARRAY[CARDINALITY(part.correct)])
            )
        ) AS correct_held_out
    FROM (
        -- Tp-agreement at an evaluation is a share of the runs that have recorded it, so counts
        -- are added up apart for each number of runs, and for the runs that held each example out:
        -- one part in a complete ensemble.
        SELECT
            tp_block.ensemble,
            tp_block.ensemble_id,
            tp_block.dataset_id,
            tp_block.block,
            tp_block.split,
            tp_block.runs,
            COUNT(*)::INTEGER AS evaluations,
            UNSLICE(BITSLICE_SUM(tp_block.correct)) AS correct,
            -- The largest of one.
            MAX(tp_block.runs_held_out) AS runs_held_out,
            NULLIF(BITSLICE_SUM(tp_block.correct_held_out), '{}') AS correct_held_out
        FROM tp_block
        GROUP BY
            tp_block.ensemble,
            tp_block.ensemble_id,
            tp_block.dataset_id,
            tp_block.block,
            tp_block.split,
            tp_block.runs,
            -- Bit strings cannot be hashed.
            SHA256(tp_block.runs_held_out::TEXT::BYTEA)
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
COMMENT ON COLUMN accessibility_block.divided IS
'Has any of the runs a bitmap of what it held out (run_block)?';
COMMENT ON COLUMN accessibility_block.accessibility_trained_on IS
'The same of the runs that trained on the example.';
COMMENT ON COLUMN accessibility_block.accessibility_held_out IS
'The same of the runs that held it out.';
