-- rows_deviation: the population standard deviation over the rows of an array, for each column.
-- Source: two passes, since the difference of sums of squares would lose small deviations.
--
-- `numbers` is [rows][columns], as array_agg makes it of arrays, and `means` is their rows_mean.
-- 0 for one row; NaN where a row has NaN. Eight rows at a time, as rows_mean.

CREATE FUNCTION rows_deviation(numbers REAL[], means DOUBLE PRECISION[])
RETURNS DOUBLE PRECISION[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000000
AS $$
DECLARE
    rows INTEGER := array_length(numbers, 1);
    total DOUBLE PRECISION [] := array_fill(0::DOUBLE PRECISION, ARRAY[array_length(numbers, 2)]);
    eight REAL [];
BEGIN
    FOR i IN 1 .. rows BY 8 LOOP
        eight := numbers[i:i + 7];
        total := ARRAY(
            SELECT
                so_far + coalesce((a - mean) * (a - mean), 0) + coalesce((b - mean) * (b - mean), 0)
                + coalesce((c - mean) * (c - mean), 0) + coalesce((d - mean) * (d - mean), 0)
                + coalesce((e - mean) * (e - mean), 0) + coalesce((f - mean) * (f - mean), 0)
                + coalesce((g - mean) * (g - mean), 0) + coalesce((h - mean) * (h - mean), 0)
            FROM (
                SELECT
                    unnest(total) AS so_far,
                    unnest(means) AS mean,
                    unnest(eight[1:1]) AS a,
                    unnest(eight[2:2]) AS b,
                    unnest(eight[3:3]) AS c,
                    unnest(eight[4:4]) AS d,
                    unnest(eight[5:5]) AS e,
                    unnest(eight[6:6]) AS f,
                    unnest(eight[7:7]) AS g,
                    unnest(eight[8:8]) AS h
            ) AS example
        );
    END LOOP;
    RETURN ARRAY(SELECT sqrt(so_far / rows) FROM unnest(total) AS so_far);
END
$$;

COMMENT ON FUNCTION rows_deviation(REAL[], DOUBLE PRECISION[]) IS
'Population standard deviation over the rows of an array, for each column.';
