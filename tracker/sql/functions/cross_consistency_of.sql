-- cross_consistency_of: the Tp-agreement of two ensembles merged, example by example
-- Source: Hacohen 2019 s.4.1; see the view cross_consistency_histogram.
--
-- At any evaluation of the one and of the other; those that the paper compares are in
-- matched_evaluations. No rows where one is not recorded, or the datasets differ; an unknown
-- ensemble is an error. A function, so that two numbers are enough to name the rows wanted: a view
-- would have to make all pairs.

CREATE FUNCTION cross_consistency_of(
    ensemble_a TEXT, evaluation_a INTEGER, ensemble_b TEXT, evaluation_b INTEGER
)
RETURNS TABLE (
    split TEXT,
    example_id INTEGER,
    "position" INTEGER, -- noqa: RF06, a reserved word here
    label INTEGER,
    runs INTEGER,
    runs_correct INTEGER,
    cross_consistency DOUBLE PRECISION
)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE ROWS 50000
AS $$
DECLARE
    unknown TEXT;
BEGIN
    SELECT asked.name INTO unknown
    FROM unnest(ARRAY[ensemble_a, ensemble_b]) WITH ORDINALITY AS asked (name, place)
    WHERE NOT EXISTS (SELECT FROM ensemble WHERE ensemble.name = asked.name)
    ORDER BY asked.place;
    IF found THEN
        RAISE EXCEPTION 'cross_consistency_of: there is no ensemble named %',
            quote_literal(unknown);
    END IF;
    RETURN QUERY
    SELECT
        expanded.split,
        expanded.first_example + expanded.slot,
        expanded.first_position + expanded.slot,
        expanded.label,
        expanded.runs,
        expanded.correct,
        expanded.correct::DOUBLE PRECISION / expanded.runs
    FROM (
        SELECT
            block.split,
            block.first_example,
            block.first_position,
            one.runs + other.runs AS runs,
            generate_series(0, block.size - 1) AS slot,
            unnest(unslice(block.label)) AS label,
            unnest(unslice(bitslice_add(one.correct, other.correct))) AS correct
        FROM tp_block AS one
        INNER JOIN tp_block AS other
            ON one.dataset_id = other.dataset_id AND one.block = other.block
        INNER JOIN block ON one.dataset_id = block.dataset_id AND one.block = block.block
        WHERE
            one.ensemble = ensemble_a
            AND one.evaluation = evaluation_a
            AND other.ensemble = ensemble_b
            AND other.evaluation = evaluation_b
    ) AS expanded;
END
$$;
