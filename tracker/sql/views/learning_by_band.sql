-- learning_by_band: when examples of like accessibility are learned
-- Grain: one row per (ensemble, split, band): twentieths of the examples by falling accessibility,
-- band 1 the easiest.
-- Source: Hacohen 2020 Fig. 6: "examples are sorted by the Accessibility score, and each box
-- represents 5% of the examples with similar score. The orange bar represents the median epoch in
-- which each set of images is learned, and each box represents the median's confidence intervals."
--
-- The median is over all pairs of a run and an example of the band. Pairs that are not learned (the
-- run is wrong at its last evaluation) count as later than any. Its 95% interval lies between two
-- order statistics (median_interval_rank) and supposes nothing of the distribution, but that pairs
-- are independent: those of one example are not quite, which makes it narrow.
-- Equal accessibility is told apart by position. Fewer than 20 examples make fewer bands.
-- All runs count, whether they trained on an example or held it out. learning_by_held_out tells
-- them apart, example by example.
-- NULL: median_learned and the bounds where they fall among those not learned; both bounds where
-- there are fewer than 6 pairs.

CREATE VIEW learning_by_band AS
SELECT
    counts.ensemble,
    counts.ensemble_id,
    counts.split,
    counts.band,
    counts.examples::INTEGER AS examples,
    counts.runs,
    counts.highest_accessibility,
    counts.lowest_accessibility,
    CASE
        WHEN tally_select(counts.tallies, counts.pairs / 2 + 1) < counts.never
            THEN (
                tally_select(counts.tallies, (counts.pairs + 1) / 2)
                + tally_select(counts.tallies, counts.pairs / 2 + 1)
            )::DOUBLE PRECISION / 2
    END AS median_learned,
    nullif(tally_select(counts.tallies, median_interval_rank(counts.pairs)), counts.never)
        AS median_low,
    nullif(
        tally_select(counts.tallies, counts.pairs + 1 - median_interval_rank(counts.pairs)),
        counts.never
    ) AS median_high,
    counts.pairs,
    (tally_total(counts.tallies))[counts.never + 1] AS pairs_not_learned
FROM (
    SELECT
        member.ensemble,
        member.ensemble_id,
        member.split,
        member.bands[part.set] AS band,
        member.never,
        member.runs,
        sum(member.sizes[part.set]) AS examples,
        sum(member.sizes[part.set] * member.runs)::BIGINT AS pairs,
        max(member.highest[part.set]) AS highest_accessibility,
        min(member.lowest[part.set]) AS lowest_accessibility,
        array_agg(part.tally) AS tallies
    FROM (
        SELECT
            source.ensemble,
            source.ensemble_id,
            source.block,
            source.split,
            max(source.never) AS never,
            count(source.learned)::INTEGER AS runs,
            array_agg(source.learned) FILTER (WHERE source.learned IS NOT NULL) AS learned,
            array_agg(source.band) FILTER (WHERE source.mask IS NOT NULL) AS bands,
            array_agg(source.mask) FILTER (WHERE source.mask IS NOT NULL) AS masks,
            array_agg(source.size) FILTER (WHERE source.mask IS NOT NULL) AS sizes,
            array_agg(source.highest) FILTER (WHERE source.mask IS NOT NULL) AS highest,
            array_agg(source.lowest) FILTER (WHERE source.mask IS NOT NULL) AS lowest
        FROM (
            -- The two sources of a block's numbers, as a union: a join would be free to make all
            -- of the one for each row of the other.
            SELECT
                history_block.ensemble,
                history_block.ensemble_id,
                history_block.block,
                (1 << history_block.planes) - 1 AS never,
                history_block.learned,
                history_block.split,
                NULL::INTEGER AS band,
                NULL::BIT VARYING AS mask,
                NULL::INTEGER AS size,
                NULL::DOUBLE PRECISION AS highest,
                NULL::DOUBLE PRECISION AS lowest
            FROM history_block
            UNION ALL
            SELECT
                ranked.ensemble,
                ranked.ensemble_id,
                ranked.block,
                NULL::INTEGER AS never,
                NULL::BIT VARYING[] AS learned,
                ranked.split,
                ranked.band,
                bitmap_of(array_agg(ranked.slot), ranked.size) AS mask,
                count(*)::INTEGER AS size,
                max(ranked.accessibility) AS highest,
                min(ranked.accessibility) AS lowest
            FROM (
                SELECT
                    expanded.*,
                    -- Rounded as in the view accessibility.
                    ntile(20) OVER (
                        PARTITION BY expanded.ensemble_id, expanded.ensemble, expanded.split
                        ORDER BY
                            -round(expanded.accessibility * 1e12),
                            expanded.block,
                            expanded.slot
                    ) AS band
                FROM (
                    SELECT
                        accessibility_block.ensemble,
                        accessibility_block.ensemble_id,
                        accessibility_block.block,
                        accessibility_block.split,
                        block.size,
                        generate_series(0, block.size - 1) AS slot,
                        unnest(accessibility_block.accessibility) AS accessibility
                    FROM accessibility_block
                    INNER JOIN block
                        ON
                            accessibility_block.dataset_id = block.dataset_id
                            AND accessibility_block.block = block.block
                ) AS expanded
            ) AS ranked
            GROUP BY
                ranked.ensemble,
                ranked.ensemble_id,
                ranked.block,
                ranked.split,
                ranked.size,
                ranked.band
        ) AS source
        GROUP BY source.ensemble, source.ensemble_id, source.block, source.split
    ) AS member
    CROSS JOIN
        LATERAL bitslice_masked_tally(member.learned, member.masks, member.never) AS part
    GROUP BY
        member.ensemble,
        member.ensemble_id,
        member.split,
        member.bands[part.set],
        member.never,
        member.runs
) AS counts;

COMMENT ON VIEW learning_by_band IS
'Median evaluation at which examples of like accessibility are learned (Hacohen 2020 Fig. 6).';
COMMENT ON COLUMN learning_by_band.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN learning_by_band.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN learning_by_band.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN learning_by_band.band IS
'Twentieth of the split''s examples by falling accessibility: 1 is the easiest.';
COMMENT ON COLUMN learning_by_band.examples IS 'Examples of the band.';
COMMENT ON COLUMN learning_by_band.runs IS 'Runs with at least one recorded evaluation.';
COMMENT ON COLUMN learning_by_band.highest_accessibility IS 'Of the band''s examples.';
COMMENT ON COLUMN learning_by_band.lowest_accessibility IS 'Of the band''s examples.';
COMMENT ON COLUMN learning_by_band.median_learned IS
'Median, over runs and examples, of the evaluation from which on a run is always right.';
COMMENT ON COLUMN learning_by_band.median_low IS
'Lower bound of the 95% confidence interval of that median.';
COMMENT ON COLUMN learning_by_band.median_high IS 'Upper bound of it.';
COMMENT ON COLUMN learning_by_band.pairs IS 'Pairs of a run and an example of the band.';
COMMENT ON COLUMN learning_by_band.pairs_not_learned IS
'Those of them where the run is wrong at its last evaluation.';
