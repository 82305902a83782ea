-- pearson_bimodality: kurtosis - skewness^2 - 1 of a histogram.
-- Source: Pearson 1894; Hacohen 2020 s.2. Population moments, kurtosis not excess. Lower is more
-- bimodal, 0 for two points; it does not depend on the values' unit.
--
-- Element i of `weights` is how many examples have the value i. NULL at zero variance, as of no
-- examples.

CREATE FUNCTION pearson_bimodality(weights DOUBLE PRECISION[])
RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 5000
AS $$
    SELECT CASE
        -- Relative to the range, so that a rounding error is no variance.
        WHEN moment.m2 > 1e-12
            -- Never below 0 (Pearson 1894) but for the last bits.
            THEN greatest(moment.m4 / moment.m2 ^ 2 - moment.m3 ^ 2 / moment.m2 ^ 3 - 1, 0)
    END
    FROM (
        SELECT
            sum(bar.weight * bar.deviation ^ 2) / sum(bar.weight) AS m2,
            sum(bar.weight * bar.deviation ^ 3) / sum(bar.weight) AS m3,
            sum(bar.weight * bar.deviation ^ 4) / sum(bar.weight) AS m4
        FROM (
            SELECT
                step.weight,
                (
                    step.place
                    - sum(step.weight * step.place) OVER () / nullif(sum(step.weight) OVER (), 0)
                ) / cardinality(weights) AS deviation
            FROM unnest(weights) WITH ORDINALITY AS step (weight, place)
        ) AS bar
    ) AS moment
$$;

COMMENT ON FUNCTION pearson_bimodality(DOUBLE PRECISION[]) IS
'kurtosis - skewness^2 - 1 of a histogram: 0 for two points, lower is more bimodal.';
