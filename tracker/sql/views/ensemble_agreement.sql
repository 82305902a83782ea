-- ensemble_agreement: how well each example is represented, by how alike the runs' outputs are
-- Grain: one row per (ensemble, example) of an ensemble that was analyzed.
-- Source: agr, Carlini 2019, as Hu 2022 ranks examples by it: the mean over the pairs of runs of
-- the symmetric Jensen-Shannon divergence of their final softmax outputs p and q,
-- JS = H((p + q) / 2) - (H(p) + H(q)) / 2 with the entropy H in natural logarithms: from 0, where
-- all runs say the same, to ln 2 = 0.693. Hu 2022 names no base, which moves no rank.
--
-- Low is well represented: "the first chunk being the most well-represented" (Hu 2022). SQL cannot
-- sensibly compute it: `tracker enqueue --record outputs` keeps the outputs, and
-- `tracker analyze ENSEMBLE ensemble-agreement` writes the score, in float64 and stored as `real`.
-- No rows before that.
-- All pairs of runs count, whether they trained on the example or held it out; SQL cannot tell
-- them apart.
-- NULL: ensemble_agreement and decile where a run's outputs are not numbers (NaN).

CREATE VIEW ensemble_agreement AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.runs,
    nullif(expanded.agreement, 'NaN')::DOUBLE PRECISION AS ensemble_agreement,
    -- NaN is put last: it would only fill the last chunks.
    CASE
        WHEN expanded.agreement <> 'NaN'
            THEN ntile(10) OVER (
                PARTITION BY
                    expanded.ensemble_id, expanded.ensemble, expanded.split
                ORDER BY expanded.agreement, expanded.first_position + expanded.slot
            )
    END AS decile,
    expanded.stale,
    expanded.block
FROM (
    SELECT
        ensemble.name AS ensemble,
        ensemble.id AS ensemble_id,
        block.split,
        score_block.block,
        block.first_example,
        block.first_position,
        score_block.runs,
        coalesce(output_version.version <> score_block.version, TRUE) AS stale,
        generate_series(0, block.size - 1) AS slot,
        unnest(score_block.value) AS agreement,
        unnest(unslice(block.label)) AS label
    FROM score_block
    INNER JOIN ensemble ON score_block.ensemble_id = ensemble.id
    INNER JOIN block
        ON ensemble.dataset_id = block.dataset_id AND score_block.block = block.block
    LEFT JOIN output_version
        ON ensemble.id = output_version.ensemble_id AND ensemble.name = output_version.ensemble
    WHERE score_block.score = 'ensemble-agreement'
) AS expanded;

COMMENT ON VIEW ensemble_agreement IS
'Mean Jensen-Shannon divergence between the runs'' final outputs (Carlini 2019); low is typical.';
COMMENT ON COLUMN ensemble_agreement.runs IS 'Runs whose outputs were compared, each with each.';
COMMENT ON COLUMN ensemble_agreement.ensemble_agreement IS
'Mean over pairs of runs of the divergence, in nats: 0, all say the same, to 0.693.';
COMMENT ON COLUMN ensemble_agreement.decile IS
'Tenth of the split by it, 1 the best represented to 10; equal values in order of position.';
COMMENT ON COLUMN ensemble_agreement.stale IS
'Were runs added, trained again or failed since? `tracker analyze` computes it anew.';
COMMENT ON COLUMN ensemble_agreement.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN ensemble_agreement.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN ensemble_agreement.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN ensemble_agreement.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN ensemble_agreement.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN ensemble_agreement.label IS 'Index of the labelled class.';
COMMENT ON COLUMN ensemble_agreement.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
