-- order_correlation: do two ensembles learn the examples in the same order?
-- Grain: one row per (ensemble, other ensemble of the same dataset, split).
-- Source: Pearson's r of accessibility, with p-value, Hacohen 2020 s.4.1 (r = 0.87 for ResNet-50
-- and AlexNet); Spearman's r is that of the ranks, equal values sharing the mean of their ranks.
--
-- It compares accessibility over all runs, whether they trained on an example or held it out; the
-- view accessibility has both apart.
-- NULL: the correlations where an ensemble finds all examples equally accessible; the p-values
-- there and for fewer than 3 examples. p-values below 1e-280 are 0. Each pair stands in both
-- orders; ensembles of different datasets have no rows: see matched_evaluations.

CREATE VIEW order_correlation AS
SELECT
    result.ensemble_a,
    result.ensemble_a_id,
    result.ensemble_b,
    result.ensemble_b_id,
    result.split,
    result.examples,
    result.pearson,
    correlation_p_value(result.pearson, result.examples) AS pearson_p,
    result.spearman,
    correlation_p_value(result.spearman, result.examples) AS spearman_p
FROM (
    SELECT
        ranked.ensemble_a,
        ranked.ensemble_a_id,
        ranked.ensemble_b,
        ranked.ensemble_b_id,
        ranked.split,
        count(*) AS examples,
        -- Without variance but for the last bits there is nothing to correlate.
        CASE
            WHEN stddev_pop(ranked.rank_a) > 0 AND stddev_pop(ranked.rank_b) > 0
                THEN corr(ranked.accessibility_a, ranked.accessibility_b)
        END AS pearson,
        corr(ranked.rank_a, ranked.rank_b) AS spearman
    FROM (
        SELECT
            pair.*,
            -- Equals fill the places from rank() to the number of values up to them.
            (rank() OVER order_a + count(*) OVER order_a) / 2.0::DOUBLE PRECISION AS rank_a,
            (rank() OVER order_b + count(*) OVER order_b) / 2.0::DOUBLE PRECISION AS rank_b
        FROM (
            SELECT
                a.name AS ensemble_a,
                a.id AS ensemble_a_id,
                b.name AS ensemble_b,
                b.id AS ensemble_b_id,
                block.split,
                unnest(one.accessibility) AS accessibility_a,
                unnest(other.accessibility) AS accessibility_b
            FROM ensemble AS a
            INNER JOIN ensemble AS b ON a.dataset_id = b.dataset_id AND a.id <> b.id
            INNER JOIN block ON a.dataset_id = block.dataset_id
            -- Asked for block by block (OFFSET keeps it so): a join of the two would be free to
            -- make all of one for each block of the other.
            CROSS JOIN
                LATERAL (
                    SELECT accessibility_block.accessibility
                    FROM accessibility_block
                    WHERE
                        accessibility_block.ensemble = a.name
                        AND accessibility_block.ensemble_id = a.id
                        AND accessibility_block.block = block.block
                    ORDER BY accessibility_block.block
                    OFFSET 0
                ) AS one
            CROSS JOIN LATERAL (
                SELECT accessibility_block.accessibility
                FROM accessibility_block
                WHERE
                    accessibility_block.ensemble = b.name
                    AND accessibility_block.ensemble_id = b.id
                    AND accessibility_block.block = block.block
                ORDER BY accessibility_block.block
                OFFSET 0
            ) AS other
        ) AS pair
        -- Rounded as in the view accessibility: equals differ in the last bits of their sums.
        WINDOW
            order_a AS (
                PARTITION BY
                    pair.ensemble_a_id,
                    pair.ensemble_a,
                    pair.ensemble_b_id,
                    pair.ensemble_b,
                    pair.split
                ORDER BY round(pair.accessibility_a * 1e12)
            ),
            order_b AS (
                PARTITION BY
                    pair.ensemble_a_id,
                    pair.ensemble_a,
                    pair.ensemble_b_id,
                    pair.ensemble_b,
                    pair.split
                ORDER BY round(pair.accessibility_b * 1e12)
            )
    ) AS ranked
    GROUP BY
        ranked.ensemble_a,
        ranked.ensemble_a_id,
        ranked.ensemble_b,
        ranked.ensemble_b_id,
        ranked.split
) AS result;

COMMENT ON VIEW order_correlation IS
'Correlation of accessibility between two ensembles of a dataset (Hacohen 2020 s.4.1).';
COMMENT ON COLUMN order_correlation.ensemble_a IS 'Name of one ensemble.';
COMMENT ON COLUMN order_correlation.ensemble_a_id IS 'Id of ensemble_a.';
COMMENT ON COLUMN order_correlation.ensemble_b IS 'Name of the other ensemble.';
COMMENT ON COLUMN order_correlation.ensemble_b_id IS 'Id of ensemble_b.';
COMMENT ON COLUMN order_correlation.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN order_correlation.examples IS 'Examples of the split.';
COMMENT ON COLUMN order_correlation.pearson IS 'Pearson''s r of accessibility, from -1 to 1.';
COMMENT ON COLUMN order_correlation.pearson_p IS
'Two-sided p-value: how likely unrelated orders are to be correlated as much.';
COMMENT ON COLUMN order_correlation.spearman IS 'Spearman''s r: that of the ranks.';
COMMENT ON COLUMN order_correlation.spearman_p IS 'Two-sided p-value of spearman.';
