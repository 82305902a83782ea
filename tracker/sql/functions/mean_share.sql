-- mean_share: the mean over evaluations of the share of runs that are right, for each example.
-- Source: the mean over evaluations of Tp-agreement, Hacohen 2020 s.2, where the number of runs
-- differs from example to example.
--
-- Counts come in parts, `evaluations[p]` evaluations added up in each: `correct` and `runs` have
-- one number an example, part by part, `correct` added up over the evaluations of the part, `runs`
-- at each of them. A part in which an example has no runs says nothing of it.
-- NULL for an example that has runs in none.

CREATE FUNCTION mean_share(correct INTEGER[], runs INTEGER[], evaluations INTEGER[])
RETURNS DOUBLE PRECISION[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100000
AS $$
    SELECT CASE
        WHEN cardinality(evaluations) = 1
            THEN
                ARRAY(
                    SELECT
                        unnest(correct)::DOUBLE PRECISION
                        / nullif(unnest(runs), 0) / evaluations[1]
                )
        ELSE ARRAY(
            SELECT
                sum(count.correct::DOUBLE PRECISION / nullif(count.runs, 0))
                / sum(evaluations[count.part]) FILTER (WHERE count.runs > 0)
            FROM (
                SELECT
                    cell.correct,
                    cell.runs,
                    (cell.place - 1) % size.examples AS slot,
                    ((cell.place - 1) / size.examples)::INTEGER + 1 AS part
                FROM (SELECT cardinality(runs) / cardinality(evaluations) AS examples) AS size
                CROSS JOIN
                    LATERAL unnest(correct, runs)
                    WITH ORDINALITY AS cell (correct, runs, place)
            ) AS count
            GROUP BY count.slot
            ORDER BY count.slot
        )
    END
$$;

COMMENT ON FUNCTION mean_share(INTEGER[], INTEGER[], INTEGER[]) IS
'Mean over evaluations of the share of runs that are right, for each example in slot order.';
