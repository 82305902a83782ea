-- rows_mean_apart: two means over the rows of an array, for each of its columns.
-- Source: plain sums in double precision.
--
-- `numbers` is [rows][columns], as array_agg makes it of arrays: a row a run, a column an example.
-- The result is [2][columns]: first the mean over the rows whose bitmap held_out[row] has no bit
-- for the column, then over those whose bitmap has one.
-- NULL where there are none, and for no rows; NaN where one of them has NaN.
--
-- Eight rows are read beside each other, as by rows_mean. Most examples are held out by none of
-- eight runs: then the eight are not told apart.

CREATE FUNCTION rows_mean_apart(numbers REAL[], held_out BIT VARYING[])
RETURNS DOUBLE PRECISION[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 2000000
AS $$
DECLARE
    rows INTEGER := array_length(numbers, 1);
    columns INTEGER := array_length(numbers, 2);
    trained DOUBLE PRECISION [] := array_fill(0::DOUBLE PRECISION, ARRAY[columns]);
    held DOUBLE PRECISION [] := trained;
    nothing DOUBLE PRECISION [] := array_fill(NULL::DOUBLE PRECISION, ARRAY[columns]);
    counts BIT VARYING [] := bitslice_count(held_out);
    eight REAL [];
    any8 BIT VARYING;
    ha BIT VARYING;
    hb BIT VARYING;
    hc BIT VARYING;
    hd BIT VARYING;
    he BIT VARYING;
    hf BIT VARYING;
    hg BIT VARYING;
    hh BIT VARYING;
BEGIN
    IF bit_count(bitslice_at_least(counts, 1)) = 0 THEN
        RETURN ARRAY[rows_mean(numbers), nothing];
    ELSIF bit_count(bitslice_at_least(counts, rows)) = columns THEN
        RETURN ARRAY[nothing, rows_mean(numbers)];
    END IF;
    FOR i IN 1 .. rows BY 8 LOOP
        -- Cut out first: the whole would be copied once for each of them. Past the last row, zeros.
        eight := numbers[i:i + 7]
            || array_fill(0::REAL, ARRAY[greatest(0, i + 7 - rows), columns]);
        ha := held_out[i];
        hb := held_out[least(i + 1, rows)];
        hc := held_out[least(i + 2, rows)];
        hd := held_out[least(i + 3, rows)];
        he := held_out[least(i + 4, rows)];
        hf := held_out[least(i + 5, rows)];
        hg := held_out[least(i + 6, rows)];
        hh := held_out[least(i + 7, rows)];
        any8 := ha | hb | hc | hd | he | hf | hg | hh;
        SELECT
            array_agg(
                CASE get_bit(any8, slot)
                    WHEN 0 THEN trained_so_far + a + b + c + d + e + f + g + h
                    ELSE
                        trained_so_far
                        + CASE get_bit(ha, slot) WHEN 0 THEN a ELSE 0 END
                        + CASE get_bit(hb, slot) WHEN 0 THEN b ELSE 0 END
                        + CASE get_bit(hc, slot) WHEN 0 THEN c ELSE 0 END
                        + CASE get_bit(hd, slot) WHEN 0 THEN d ELSE 0 END
                        + CASE get_bit(he, slot) WHEN 0 THEN e ELSE 0 END
                        + CASE get_bit(hf, slot) WHEN 0 THEN f ELSE 0 END
                        + CASE get_bit(hg, slot) WHEN 0 THEN g ELSE 0 END
                        + CASE get_bit(hh, slot) WHEN 0 THEN h ELSE 0 END
                END
            ),
            array_agg(
                CASE get_bit(any8, slot)
                    WHEN 0 THEN held_so_far
                    ELSE
                        held_so_far
                        + CASE get_bit(ha, slot) WHEN 1 THEN a ELSE 0 END
                        + CASE get_bit(hb, slot) WHEN 1 THEN b ELSE 0 END
                        + CASE get_bit(hc, slot) WHEN 1 THEN c ELSE 0 END
                        + CASE get_bit(hd, slot) WHEN 1 THEN d ELSE 0 END
                        + CASE get_bit(he, slot) WHEN 1 THEN e ELSE 0 END
                        + CASE get_bit(hf, slot) WHEN 1 THEN f ELSE 0 END
                        + CASE get_bit(hg, slot) WHEN 1 THEN g ELSE 0 END
                        + CASE get_bit(hh, slot) WHEN 1 THEN h ELSE 0 END
                END
            )
        INTO trained, held
        FROM (
            SELECT
                generate_series(0, columns - 1) AS slot,
                unnest(trained) AS trained_so_far,
                unnest(held) AS held_so_far,
                unnest(eight[1:1]) AS a,
                unnest(eight[2:2]) AS b,
                unnest(eight[3:3]) AS c,
                unnest(eight[4:4]) AS d,
                unnest(eight[5:5]) AS e,
                unnest(eight[6:6]) AS f,
                unnest(eight[7:7]) AS g,
                unnest(eight[8:8]) AS h
        ) AS example;
    END LOOP;
    RETURN ARRAY[
        ARRAY(
            SELECT total / nullif(rows - out, 0)
            FROM unnest(trained, unslice(counts)) AS example (total, out)
        ),
        ARRAY(
            SELECT total / nullif(out, 0)
            FROM unnest(held, unslice(counts)) AS example (total, out)
        )
    ];
END
$$;

COMMENT ON FUNCTION rows_mean_apart(REAL[], BIT VARYING[]) IS
'Means over the rows of an array, for each column: over the rows whose bitmap has it not set, and '
'those that have.';
