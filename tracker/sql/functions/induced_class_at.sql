-- induced_class_at: the class that most runs predict for each example at one evaluation
-- Source: Hacohen 2019 app. E, Fig. 27: classes emerge one after the other. See the view
-- induced_class, which is over all evaluations; ties as there.
--
-- Of the runs whose predicted classes are known there; no rows where there are none. An unknown
-- ensemble is an error.

CREATE FUNCTION induced_class_at(
    ensemble TEXT, -- Name of an ensemble.
    evaluation INTEGER -- Ordinal of the evaluation; 0 is the untrained network.
)
RETURNS TABLE (
    split TEXT, -- Split of the dataset: train or test.
    example_id INTEGER, -- Number of the example in its dataset: the splits follow each other.
    "position" INTEGER, -- 0-based place of the example in its split. -- noqa: RF06
    label INTEGER, -- Index of the labelled class.
    runs INTEGER, -- Counted runs whose predicted classes are known there.
    induced_class INTEGER, -- Index of the class that most of them predict.
    induced_share DOUBLE PRECISION -- Share of them that predict it, from 0 to 1.
)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE ROWS 50000
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ensemble AS one WHERE one.name = induced_class_at.ensemble) THEN
        RAISE EXCEPTION 'induced_class_at: there is no ensemble named %', quote_literal(ensemble);
    END IF;
    RETURN QUERY
    SELECT
        expanded.split,
        expanded.first_example + expanded.slot,
        expanded.first_position + expanded.slot,
        expanded.label,
        expanded.runs,
        expanded.induced_class,
        expanded.votes::DOUBLE PRECISION / expanded.runs
    FROM (
        SELECT
            poll.split,
            poll.first_example,
            poll.first_position,
            poll.runs,
            generate_series(0, poll.size - 1) AS slot,
            unnest(unslice(poll.label)) AS label,
            unnest(unslice((poll.winner).class)) AS induced_class,
            unnest(unslice((poll.winner).tally)) AS votes
        FROM (
            SELECT
                block.split,
                block.first_example,
                block.first_position,
                block.size,
                block.label,
                count(*)::INTEGER AS runs,
                bitslice_plurality(
                    array_agg(outcome_block.predicted),
                    array_agg(outcome_block.correct | ~outcome_block.correct),
                    block.label,
                    dataset.num_classes
                ) AS winner
            FROM counted_run
            INNER JOIN dataset ON counted_run.dataset_id = dataset.id
            INNER JOIN outcome_block ON counted_run.run_id = outcome_block.run_id
            INNER JOIN block
                ON
                    counted_run.dataset_id = block.dataset_id
                    AND outcome_block.block = block.block
            WHERE
                counted_run.ensemble = induced_class_at.ensemble
                AND outcome_block.evaluation = induced_class_at.evaluation
                AND outcome_block.predicted IS NOT NULL
            GROUP BY
                block.split,
                block.first_example,
                block.first_position,
                block.size,
                block.label,
                dataset.num_classes
        ) AS poll
    ) AS expanded;
END
$$;

COMMENT ON FUNCTION induced_class_at(TEXT, INTEGER) IS
'The class that most runs predict for each example at one evaluation (Hacohen 2019).';
