-- output_version: which final softmax outputs an ensemble has, in one word
-- Grain: one row per ensemble of which a counted run has recorded its outputs.
-- Source: the table output_block, which `--record outputs` fills with a run's last evaluation.
--
-- A building block. A score that is computed from outputs is stored with the version that it was
-- computed from (the table score_block); once the version here is another, because runs were added,
-- trained again or failed, the score is stale. Never NULL.

CREATE VIEW output_version AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    counted_run.dataset_id,
    count(*)::INTEGER AS runs,
    array_agg(counted_run.run_id ORDER BY counted_run.run_id) AS run_ids,
    md5(
        string_agg(
            -- A run that is trained again records the same evaluation at another time.
            concat_ws(
                ' ',
                counted_run.run_id,
                evaluation.evaluation,
                extract(EPOCH FROM evaluation.recorded_at)
            ),
            ','
            ORDER BY counted_run.run_id
        )
    ) AS version
FROM counted_run
CROSS JOIN
    LATERAL (
        -- All blocks of a run are of one evaluation.
        SELECT output_block.evaluation
        FROM output_block
        WHERE output_block.run_id = counted_run.run_id
        ORDER BY output_block.block
        LIMIT 1
    ) AS told
INNER JOIN evaluation
    ON
        counted_run.run_id = evaluation.run_id
        AND told.evaluation = evaluation.evaluation
GROUP BY counted_run.ensemble, counted_run.ensemble_id, counted_run.dataset_id;

COMMENT ON VIEW output_version IS
'Which final softmax outputs an ensemble has: what scores are computed from.';
COMMENT ON COLUMN output_version.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN output_version.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN output_version.dataset_id IS 'Id of its dataset.';
COMMENT ON COLUMN output_version.runs IS 'Counted runs that have recorded their outputs.';
COMMENT ON COLUMN output_version.run_ids IS 'Their ids, ascending.';
COMMENT ON COLUMN output_version.version IS
'MD5 over each of them, its evaluation and when that was recorded.';
