-- run_pair: on how many examples are two runs right, each and both?
-- Grain: one row per (ensemble, split, evaluation, pair of runs that have recorded it), run_a
-- before run_b.
-- Source: the counts behind error consistency, Meding 2022 s.2.
--
-- A building block.
-- All examples of the split count, whether the two runs trained on them or held them out.

CREATE VIEW run_pair AS
SELECT
    one.ensemble,
    one.ensemble_id,
    block.split,
    a.evaluation,
    one.run_id AS run_a,
    other.run_id AS run_b,
    one.seed AS seed_a,
    other.seed AS seed_b,
    sum(block.size)::INTEGER AS examples,
    sum(bit_count(a.correct))::INTEGER AS correct_a,
    sum(bit_count(b.correct))::INTEGER AS correct_b,
    sum(bit_count(a.correct & b.correct))::INTEGER AS both_correct
FROM counted_run AS one
INNER JOIN counted_run AS other
    ON
        one.ensemble_id = other.ensemble_id
        AND one.ensemble = other.ensemble
        AND one.run_id < other.run_id
INNER JOIN outcome_block AS a ON one.run_id = a.run_id
-- Looked up by its whole key: a join would be free to read that evaluation of all ensembles.
CROSS JOIN
    LATERAL (
        SELECT twin.correct
        FROM outcome_block AS twin
        WHERE
            twin.run_id = other.run_id
            AND twin.block = a.block
            AND twin.evaluation = a.evaluation
        ORDER BY twin.evaluation
        LIMIT 1
    ) AS b
INNER JOIN block ON one.dataset_id = block.dataset_id AND a.block = block.block
GROUP BY
    one.ensemble,
    one.ensemble_id,
    block.split,
    a.evaluation,
    one.run_id,
    other.run_id,
    one.seed,
    other.seed;

COMMENT ON VIEW run_pair IS
'Examples that each of two runs, and both, have right at each evaluation.';
COMMENT ON COLUMN run_pair.run_a IS 'Id of one run.';
COMMENT ON COLUMN run_pair.run_b IS 'Id of the other run, above run_a.';
COMMENT ON COLUMN run_pair.seed_a IS 'Seed of run_a.';
COMMENT ON COLUMN run_pair.seed_b IS 'Seed of run_b.';
COMMENT ON COLUMN run_pair.examples IS 'Examples of the split.';
COMMENT ON COLUMN run_pair.correct_a IS 'Examples that run_a has right.';
COMMENT ON COLUMN run_pair.correct_b IS 'Examples that run_b has right.';
COMMENT ON COLUMN run_pair.both_correct IS 'Examples that both have right.';
COMMENT ON COLUMN run_pair.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN run_pair.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN run_pair.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN run_pair.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
