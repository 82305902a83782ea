-- forgetting_ranking: examples from rarely to often forgotten, with a policy for the never learned
-- Source: Toneva 2019. An example that a run never has right is never forgotten either, yet is no
-- easy one. What such a run adds to the example's forgetting events (`never_learned`):
--   'zero'         nothing: the plain count, as in the view forgetting
--   'evaluations'  the number of evaluations (epochs), as Toneva's order_examples_by_forgetting.py
--   'infinite'     infinity, as the "data diet" code (Paul 2021); the default
-- `forgetting_events` is the sum over the counted runs, as in Toneva's script; `rank` counts from
-- the least forgotten within the split, equals sharing the best. Any other policy is an error, and
-- so is an unknown ensemble.

CREATE FUNCTION forgetting_ranking(
    ensemble TEXT, -- Name of an ensemble.
    never_learned TEXT DEFAULT 'infinite' -- 'zero', 'evaluations' or 'infinite': see above.
)
RETURNS TABLE (
    split TEXT, -- Split of the dataset: train or test.
    example_id INTEGER, -- Number of the example in its dataset: the splits follow each other.
    "position" INTEGER, -- 0-based place of the example in its split. -- noqa: RF06
    label INTEGER, -- Index of the labelled class.
    runs INTEGER, -- Counted runs that have recorded anything.
    never_learned_runs INTEGER, -- Those of them that never have the example right.
    forgetting_events DOUBLE PRECISION, -- Sum over the runs, with what never_learned adds.
    rank BIGINT -- 1 is the least forgotten of its split; equals share the best.
)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 50000
AS $$
#variable_conflict use_column
BEGIN
    IF never_learned IS NULL OR never_learned NOT IN ('zero', 'evaluations', 'infinite') THEN
        RAISE EXCEPTION
            'forgetting_ranking: never_learned must be zero, evaluations or infinite, got %',
            coalesce(never_learned, 'NULL');
    END IF;
    IF NOT EXISTS (SELECT FROM ensemble AS one WHERE one.name = forgetting_ranking.ensemble) THEN
        RAISE EXCEPTION 'forgetting_ranking: there is no ensemble named %', quote_nullable(ensemble);
    END IF;
    RETURN QUERY
    SELECT
        scored.*,
        rank() OVER (PARTITION BY scored.split ORDER BY scored.forgetting_events)
    FROM (
        SELECT
            expanded.split,
            expanded.first_example + expanded.slot AS example_id,
            expanded.first_position + expanded.slot AS "position",
            expanded.label,
            expanded.runs,
            expanded.never AS never_learned_runs,
            CASE
                WHEN forgetting_ranking.never_learned = 'infinite' AND expanded.never > 0
                    THEN 'infinity'::DOUBLE PRECISION
                WHEN forgetting_ranking.never_learned = 'evaluations'
                    THEN expanded.forgotten + expanded.never_evaluations
                ELSE expanded.forgotten
            END AS forgetting_events
        FROM (
            SELECT
                tally.runs,
                block.split,
                block.first_example,
                block.first_position,
                generate_series(0, block.size - 1) AS slot,
                unnest(unslice(block.label)) AS label,
                unnest(unslice(tally.forgotten)) AS forgotten,
                unnest(unslice(tally.never)) AS never,
                unnest(unslice(tally.never_evaluations)) AS never_evaluations
            FROM (
                SELECT
                    history_block.dataset_id,
                    history_block.block,
                    count(*)::INTEGER AS runs,
                    bitslice_sum(history_block.forgotten) AS forgotten,
                    bitslice_sum(~history_block.ever) AS never,
                    bitslice_sum(~history_block.ever, history_block.evaluations)
                        AS never_evaluations
                FROM history_block
                WHERE history_block.ensemble = forgetting_ranking.ensemble
                GROUP BY history_block.dataset_id, history_block.block
            ) AS tally
            INNER JOIN block ON tally.dataset_id = block.dataset_id AND tally.block = block.block
        ) AS expanded
    ) AS scored;
END
$$;

COMMENT ON FUNCTION forgetting_ranking(TEXT, TEXT) IS
'Examples from rarely to often forgotten, with a policy for those that are never learned (Toneva '
'2019).';
