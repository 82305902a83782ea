-- accessibility: how easily an ensemble gets each example right, over the whole of training
-- Grain: one row per (ensemble, example) with at least one recorded evaluation.
-- Source: the mean over evaluations of Tp-agreement, Hacohen 2020 s.2.
--
-- The score that orders examples from easy (1) to hard (0). While an ensemble trains, each
-- evaluation is the mean over the runs that have recorded it.
--
-- accessibility and rank are over all runs; beside them, over those that trained on the example and
-- over those that held it out (--split 90:10, --split parts:K, and every split other than train).
-- NULL: accessibility_trained_on and accessibility_held_out where there are no such runs.

CREATE VIEW accessibility AS
SELECT
    expanded.ensemble,
    expanded.ensemble_id,
    expanded.split,
    expanded.first_example + expanded.slot AS example_id,
    expanded.first_position + expanded.slot AS position,
    expanded.label,
    expanded.evaluations,
    expanded.accessibility,
    -- Equal accessibility is an equal rank, so rounded to hide the last bits of a sum; a random
    -- rule for ties is the sampler's business.
    rank() OVER (
        PARTITION BY expanded.ensemble_id, expanded.ensemble, expanded.split
        ORDER BY round(expanded.accessibility * 1e12) DESC
    ) AS rank,
    expanded.block,
    CASE
        WHEN expanded.divided THEN expanded.runs_held_out
        WHEN expanded.split = 'train' THEN 0
        ELSE expanded.runs
    END AS runs_held_out,
    CASE
        WHEN expanded.divided THEN expanded.accessibility_trained_on
        WHEN expanded.split = 'train' THEN expanded.accessibility
    END AS accessibility_trained_on,
    CASE
        WHEN expanded.divided THEN expanded.accessibility_held_out
        WHEN expanded.split <> 'train' THEN expanded.accessibility
    END AS accessibility_held_out
FROM (
    SELECT
        accessibility_block.ensemble,
        accessibility_block.ensemble_id,
        accessibility_block.split,
        accessibility_block.block,
        block.first_example,
        block.first_position,
        accessibility_block.evaluations,
        share.runs,
        accessibility_block.divided,
        generate_series(0, block.size - 1) AS slot,
        unnest(accessibility_block.accessibility) AS accessibility,
        unnest(unslice(block.label)) AS label,
        -- Columns that have no numbers give NULL.
        unnest(unslice(share.runs_held_out)) AS runs_held_out,
        unnest(accessibility_block.accessibility_trained_on) AS accessibility_trained_on,
        unnest(accessibility_block.accessibility_held_out) AS accessibility_held_out
    FROM accessibility_block
    -- Asked for block by block: a join would be free to make all of it for each block.
    CROSS JOIN
        LATERAL (
            SELECT
                held_out_block.runs,
                held_out_block.runs_held_out
            FROM held_out_block
            WHERE
                held_out_block.ensemble = accessibility_block.ensemble
                AND held_out_block.ensemble_id = accessibility_block.ensemble_id
                AND held_out_block.block = accessibility_block.block
                AND held_out_block.split = accessibility_block.split
        ) AS share
    INNER JOIN block
        ON
            accessibility_block.dataset_id = block.dataset_id
            AND accessibility_block.block = block.block
) AS expanded;

COMMENT ON VIEW accessibility IS
'Mean share of runs that are right about each example, over the whole of training.';
COMMENT ON COLUMN accessibility.evaluations IS 'Evaluations that at least one run has recorded.';
COMMENT ON COLUMN accessibility.accessibility IS
'Mean over evaluations of the share of runs that are right (Hacohen 2020 s.2); high is easy.';
COMMENT ON COLUMN accessibility.rank IS
'Place by falling accessibility within ensemble and split; equal values share a rank.';
COMMENT ON COLUMN accessibility.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN accessibility.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN accessibility.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN accessibility.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN accessibility.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN accessibility.label IS 'Index of the labelled class.';
COMMENT ON COLUMN accessibility.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
COMMENT ON COLUMN accessibility.runs_held_out IS
'Counted runs with a recorded evaluation that held the example out.';
COMMENT ON COLUMN accessibility.accessibility_trained_on IS
'The same as accessibility, of the runs that trained on the example.';
COMMENT ON COLUMN accessibility.accessibility_held_out IS
'The same as accessibility, of the runs that held it out.';
