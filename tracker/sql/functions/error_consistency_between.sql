-- error_consistency_between: do the runs of one ensemble err on the same examples as those of
-- another? One row per (split, evaluation, run of the one, run of the other).
-- Source: Cohen's kappa of right and wrong, Meding 2022 s.2; across networks, his Fig. 6.
--
-- Evaluations are compared with those of the same ordinal; given evaluation_a, with evaluation_b
-- (the same ordinal if that is not given): ensembles may differ in how often they are evaluated
-- (see ensemble_evaluation). With `in_between`, examples that all runs of both ensembles have
-- right, or none has, are left out (Meding 2022 s.3.3). An unknown ensemble is an error, and so are
-- two of different datasets, or one twice.
-- NULL: shares where no example is left, kappa also where chance alone explains full consistency.

CREATE FUNCTION error_consistency_between(
    ensemble_a TEXT, -- Name of an ensemble.
    ensemble_b TEXT, -- Name of another one of the same dataset.
    evaluation_a INTEGER DEFAULT NULL, -- Ordinal of an evaluation of the one; NULL for all.
    evaluation_b INTEGER DEFAULT NULL, -- Ordinal of one of the other; NULL for the same.
    in_between BOOLEAN DEFAULT FALSE -- Only of examples that some runs have right and some wrong?
)
RETURNS TABLE (
    split TEXT, -- Split of the dataset: train or test.
    at_a INTEGER, -- Ordinal of the evaluation of the one ensemble.
    at_b INTEGER, -- Ordinal of the evaluation of the other.
    run_a INTEGER, -- Id of the run of the one.
    run_b INTEGER, -- Id of the run of the other.
    seed_a INTEGER, -- Seed of run_a.
    seed_b INTEGER, -- Seed of run_b.
    examples INTEGER, -- Examples that are compared.
    accuracy_a DOUBLE PRECISION, -- Share of them that run_a has right.
    accuracy_b DOUBLE PRECISION, -- Share of them that run_b has right.
    observed DOUBLE PRECISION, -- Share of them that both have right or both have wrong.
    expected DOUBLE PRECISION, -- What that would be of independent runs of these accuracies.
    kappa DOUBLE PRECISION -- (observed - expected) / (1 - expected): 1 for the same errors.
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    one ensemble;
    other ensemble;
BEGIN
    SELECT * INTO one FROM ensemble WHERE ensemble.name = ensemble_a;
    SELECT * INTO other FROM ensemble WHERE ensemble.name = ensemble_b;
    IF one.id IS NULL OR other.id IS NULL THEN
        RAISE EXCEPTION 'error_consistency_between: there is no ensemble named %',
            quote_nullable(CASE WHEN one.id IS NULL THEN ensemble_a ELSE ensemble_b END);
    END IF;
    IF one.dataset_id <> other.dataset_id THEN
        RAISE EXCEPTION 'error_consistency_between: % and % are of different datasets',
            quote_literal(ensemble_a), quote_literal(ensemble_b);
    END IF;
    IF one.id = other.id THEN
        RAISE EXCEPTION 'error_consistency_between: % twice; its own pairs are in the view '
            'error_consistency', quote_literal(ensemble_a);
    END IF;
    RETURN QUERY
    WITH outcomes AS (
        SELECT
            run.ensemble_id = one.id AS is_a,
            run.run_id,
            run.seed,
            block.split,
            block.size,
            outcome_block.block,
            outcome_block.evaluation,
            outcome_block.correct
        FROM counted_run AS run
        INNER JOIN outcome_block ON run.run_id = outcome_block.run_id
        INNER JOIN block
            ON run.dataset_id = block.dataset_id AND outcome_block.block = block.block
        WHERE
            run.ensemble_id = one.id
            AND (evaluation_a IS NULL OR outcome_block.evaluation = evaluation_a)
            OR run.ensemble_id = other.id
            AND (
                evaluation_a IS NULL
                OR outcome_block.evaluation = coalesce(evaluation_b, evaluation_a)
            )
    ),
    -- Bitmaps of each ensemble at each evaluation: right in all its runs, right in some.
    extent AS (
        SELECT
            outcomes.is_a,
            outcomes.split,
            outcomes.size,
            outcomes.block,
            outcomes.evaluation,
            bit_and(outcomes.correct) AS right_in_all,
            bit_or(outcomes.correct) AS right_in_some
        FROM outcomes
        WHERE in_between
        GROUP BY
            outcomes.is_a, outcomes.split, outcomes.size, outcomes.block, outcomes.evaluation
    ),
    -- Both runs of a pair are right about the trivial and wrong about the impossible.
    extreme AS (
        SELECT
            a.split,
            a.evaluation AS evaluation_a,
            b.evaluation AS evaluation_b,
            sum(bit_count(a.right_in_all & b.right_in_all))::BIGINT AS trivial,
            sum(a.size - bit_count(a.right_in_some | b.right_in_some))::BIGINT AS impossible
        FROM extent AS a
        INNER JOIN extent AS b
            ON
                a.block = b.block
                AND (evaluation_a IS NOT NULL OR a.evaluation = b.evaluation)
        WHERE a.is_a AND NOT b.is_a
        GROUP BY a.split, a.evaluation, b.evaluation
    ),
    -- Counted before anything is sorted or grouped: bitmaps are wide.
    counts_by_block AS MATERIALIZED (
        SELECT
            a.split,
            a.evaluation AS evaluation_a,
            b.evaluation AS evaluation_b,
            a.run_id AS run_a,
            b.run_id AS run_b,
            a.seed AS seed_a,
            b.seed AS seed_b,
            a.size AS examples,
            bit_count(a.correct) AS correct_a,
            bit_count(b.correct) AS correct_b,
            bit_count(a.correct & b.correct) AS both_correct
        FROM outcomes AS a
        INNER JOIN outcomes AS b
            ON
                a.block = b.block
                AND (evaluation_a IS NOT NULL OR a.evaluation = b.evaluation)
        WHERE a.is_a AND NOT b.is_a
    ),
    counts AS (
        SELECT
            part.split,
            part.evaluation_a,
            part.evaluation_b,
            part.run_a,
            part.run_b,
            part.seed_a,
            part.seed_b,
            sum(part.examples) AS examples,
            sum(part.correct_a)::BIGINT AS correct_a,
            sum(part.correct_b)::BIGINT AS correct_b,
            sum(part.both_correct)::BIGINT AS both_correct
        FROM counts_by_block AS part
        GROUP BY
            part.split,
            part.evaluation_a,
            part.evaluation_b,
            part.run_a,
            part.run_b,
            part.seed_a,
            part.seed_b
    ),
    pair AS (
        SELECT
            counts.split,
            counts.evaluation_a,
            counts.evaluation_b,
            counts.run_a,
            counts.run_b,
            counts.seed_a,
            counts.seed_b,
            counts.examples - coalesce(extreme.trivial + extreme.impossible, 0) AS examples,
            counts.correct_a - coalesce(extreme.trivial, 0) AS correct_a,
            counts.correct_b - coalesce(extreme.trivial, 0) AS correct_b,
            counts.both_correct - coalesce(extreme.trivial, 0) AS both_correct
        FROM counts
        LEFT JOIN extreme USING (split, evaluation_a, evaluation_b)
    )
    SELECT
        pair.split,
        pair.evaluation_a,
        pair.evaluation_b,
        pair.run_a,
        pair.run_b,
        pair.seed_a,
        pair.seed_b,
        pair.examples::INTEGER,
        pair.correct_a::DOUBLE PRECISION / nullif(pair.examples, 0),
        pair.correct_b::DOUBLE PRECISION / nullif(pair.examples, 0),
        (pair.examples - pair.correct_a - pair.correct_b + 2 * pair.both_correct)
        ::DOUBLE PRECISION / nullif(pair.examples, 0),
        (
            pair.correct_a::DOUBLE PRECISION * pair.correct_b
            + (pair.examples - pair.correct_a)::DOUBLE PRECISION
            * (pair.examples - pair.correct_b)
        ) / nullif(pair.examples, 0) / nullif(pair.examples, 0),
        cohen_kappa(pair.examples, pair.correct_a, pair.correct_b, pair.both_correct)
    FROM pair;
END
$$;

COMMENT ON FUNCTION error_consistency_between(TEXT, TEXT, INTEGER, INTEGER, BOOLEAN) IS
'Do the runs of one ensemble err on the same examples as those of another? Kappa of every pair '
'(Meding 2022).';
