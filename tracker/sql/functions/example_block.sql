-- example_block: the block that an example of an ensemble's dataset is stored in
--
-- For one example's rows of a view of examples, which then reads no other block:
--     WHERE ensemble = 'a' AND example_id = 7 AND block = example_block('a', 7)
-- NULL where the dataset has no such example; an unknown ensemble is an error. See the table block.
--
-- PL/pgSQL keeps its plan: as a filter on a table it may be asked for each row.

CREATE FUNCTION example_block(
    ensemble TEXT, -- Name of an ensemble.
    example_id INTEGER -- Number of the example in its dataset, as in the views.
)
RETURNS INTEGER
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE COST 10000
AS $$
DECLARE
    answer INTEGER := (
        SELECT example.block
        FROM example
        INNER JOIN ensemble AS asked ON example.dataset_id = asked.dataset_id
        WHERE
            asked.name = example_block.ensemble
            AND example.example_id = example_block.example_id
    );
BEGIN
    -- Not in one condition: a subquery in it would be begun at each call.
    IF answer IS NULL THEN
        IF NOT EXISTS (SELECT FROM ensemble AS asked WHERE asked.name = example_block.ensemble) THEN
            RAISE EXCEPTION 'example_block: there is no ensemble named %', quote_literal(ensemble);
        END IF;
    END IF;
    RETURN answer;
END
$$;

COMMENT ON FUNCTION example_block(TEXT, INTEGER) IS
'The block that an example of an ensemble''s dataset is stored in, for views to read no other.';
