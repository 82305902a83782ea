-- first_correct_last_mistake_by: curves of learning of a split, for bands of examples by any score
-- Source: First Correct (FC) and Last Mistake (LM), Hu 2022.
--
-- `bands` has one number from 1 an example, in order of position; examples with NULL are in no band
-- of their own. Deciles of a score, 1 the lowest:
--   SELECT array_agg(decile ORDER BY position) FROM (
--       SELECT position, ntile(10) OVER (ORDER BY score, position) AS decile FROM ...
--   ) AS example
-- One row per (band, evaluation). Band 0 is all examples of the split, also those with NULL: a
-- number from 0, such as a class, goes in with 1 added. Each curve is the mean over the runs that
-- have recorded the evaluation of the share of the band's examples that
--   first_correct  the run has had right at some evaluation up to this one
--   accuracy       it has right at this one
--   last_mistake   it has right from this one on, up to its last recorded one
-- so that first_correct >= accuracy >= last_mistake. An unknown ensemble, a split that it has not,
-- bands of another size and a band below 1 are errors.

CREATE FUNCTION first_correct_last_mistake_by(
    ensemble TEXT, -- Name of an ensemble.
    split TEXT, -- Split of its dataset, such as train.
    bands INTEGER[] -- The band of each example, from 1, in order of position; NULL for none.
)
RETURNS TABLE (
    band INTEGER, -- One of `bands`; 0 is all examples.
    evaluation INTEGER, -- Ordinal of the evaluation; 0 is the untrained network.
    runs INTEGER, -- Counted runs that have recorded the evaluation.
    examples INTEGER, -- Examples of the band.
    first_correct DOUBLE PRECISION, -- FC: share once right, up to this evaluation.
    accuracy DOUBLE PRECISION, -- Share that is right at this evaluation.
    last_mistake DOUBLE PRECISION -- LM: share that is right at this evaluation and all later ones.
)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    part split;
    lowest INTEGER := (SELECT min(band.value) FROM unnest(bands) AS band (value));
BEGIN
    SELECT split.* INTO part
    FROM ensemble AS one
    INNER JOIN split ON one.dataset_id = split.dataset_id
    WHERE
        one.name = first_correct_last_mistake_by.ensemble
        AND split.split = first_correct_last_mistake_by.split;
    IF NOT found AND EXISTS (
        SELECT FROM ensemble AS one WHERE one.name = first_correct_last_mistake_by.ensemble
    ) THEN
        RAISE EXCEPTION 'first_correct_last_mistake_by: % has no split %',
            quote_literal(ensemble), quote_literal(split);
    ELSIF NOT found THEN
        RAISE EXCEPTION 'first_correct_last_mistake_by: there is no ensemble named %',
            quote_literal(ensemble);
    END IF;
    IF cardinality(bands) <> part.size THEN
        RAISE EXCEPTION 'first_correct_last_mistake_by: % has % examples, but bands has % numbers',
            quote_literal(split), part.size, cardinality(bands);
    END IF;
    -- Band 0 is taken: a class 0 would be lost in it.
    IF lowest < 1 THEN
        RAISE EXCEPTION 'first_correct_last_mistake_by: bands must be 1 or more, got %', lowest;
    END IF;
    RETURN QUERY
    WITH members AS MATERIALIZED (
        SELECT
            block.block,
            one.value AS band,
            one.members AS bitmap,
            bit_count(one.members) AS examples
        FROM block
        CROSS JOIN
            LATERAL bitslice_groups(
                bitslice_of(bands[block.first_position + 1 : block.first_position + block.size])
            ) AS one
        WHERE
            block.dataset_id = part.dataset_id
            AND block.split = first_correct_last_mistake_by.split
            AND one.value > 0
        UNION ALL
        SELECT
            block.block,
            0,
            block.label[1] | ~block.label[1],
            block.size
        FROM block
        WHERE
            block.dataset_id = part.dataset_id
            AND block.split = first_correct_last_mistake_by.split
    ),
    history AS (
        SELECT
            outcome_block.block,
            outcome_block.evaluation,
            outcome_block.correct,
            bit_or(outcome_block.correct) OVER up_to_now AS by_now,
            bit_and(outcome_block.correct) OVER from_now AS from_now_on
        FROM counted_run
        INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
        WHERE
            counted_run.ensemble = first_correct_last_mistake_by.ensemble
            AND outcome_block.block IN (SELECT members.block FROM members)
        WINDOW
            up_to_now AS (
                PARTITION BY outcome_block.run_id, outcome_block.block
                ORDER BY outcome_block.evaluation
            ),
            from_now AS (
                PARTITION BY outcome_block.run_id, outcome_block.block
                ORDER BY outcome_block.evaluation DESC
            )
    ),
    -- Counted before anything is sorted or grouped: bitmaps are wide.
    counts AS MATERIALIZED (
        SELECT
            members.band,
            members.block,
            members.examples,
            history.evaluation,
            bit_count(history.by_now & members.bitmap) AS by_now,
            bit_count(history.correct & members.bitmap) AS correct,
            bit_count(history.from_now_on & members.bitmap) AS from_now_on
        FROM history
        INNER JOIN members ON history.block = members.block
    ),
    tally AS (
        SELECT
            counts.band,
            counts.examples,
            counts.evaluation,
            count(*) AS runs,
            sum(counts.by_now) AS by_now,
            sum(counts.correct) AS correct,
            sum(counts.from_now_on) AS from_now_on
        FROM counts
        GROUP BY counts.band, counts.block, counts.examples, counts.evaluation
    )
    SELECT
        tally.band,
        tally.evaluation,
        max(tally.runs)::INTEGER,
        sum(tally.examples)::INTEGER,
        (sum(tally.by_now) / sum(tally.runs * tally.examples))::DOUBLE PRECISION,
        (sum(tally.correct) / sum(tally.runs * tally.examples))::DOUBLE PRECISION,
        (sum(tally.from_now_on) / sum(tally.runs * tally.examples))::DOUBLE PRECISION
    FROM tally
    GROUP BY tally.band, tally.evaluation;
END
$$;

COMMENT ON FUNCTION first_correct_last_mistake_by(TEXT, TEXT, INTEGER[]) IS
'Curves of learning of a split, for bands of examples by any score; band 0 is all examples (Hu '
'2022).';
