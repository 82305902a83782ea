-- cross_consistency_of: the Tp-agreement of two ensembles merged, example by example
-- Source: Hacohen 2019 s.4.1; see the view cross_consistency_histogram.
--
-- At any evaluation of the one and of the other; those that the paper compares are in
-- matched_evaluations. No rows where one is not recorded, or the datasets differ; an unknown
-- ensemble is an error. A function, so that two numbers are enough to name the rows wanted: a view
-- would have to make all pairs.

CREATE FUNCTION cross_consistency_of(
    ensemble_a TEXT, -- Name of an ensemble.
    evaluation_a INTEGER, -- Ordinal of an evaluation of it.
    ensemble_b TEXT, -- Name of another one of the same dataset.
    evaluation_b INTEGER -- Ordinal of an evaluation of that one.
)
RETURNS TABLE (
    split TEXT, -- Split of the dataset: train or test.
    example_id INTEGER, -- Number of the example in its dataset: the splits follow each other.
    "position" INTEGER, -- 0-based place of the example in its split. -- noqa: RF06
    label INTEGER, -- Index of the labelled class.
    runs INTEGER, -- Counted runs of both that have recorded their evaluation.
    runs_correct INTEGER, -- Those of them that are right.
    cross_consistency DOUBLE PRECISION -- runs_correct / runs, from 0 to 1.
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

COMMENT ON FUNCTION cross_consistency_of(TEXT, INTEGER, TEXT, INTEGER) IS
'Tp-agreement of two ensembles merged, example by example, at any evaluation of either (Hacohen '
'2019).';
