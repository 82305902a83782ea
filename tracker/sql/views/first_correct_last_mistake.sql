-- first_correct_last_mistake: curves of learning, for examples from hard to easy
-- Grain: one row per (ensemble, split, band of examples, evaluation) that at least one counted run
-- has recorded.
-- Source: First Correct (FC) and Last Mistake (LM) for the "top 10%, middle 10%, and bottom 10%" of
-- the examples, Hu 2022; here the ten deciles of accessibility (Hacohen 2020 s.2), band 1 the
-- hardest, and band 0, all examples. Bands by any other score: first_correct_last_mistake_by.
--
-- Bands are of one size, or differ by one example; equal accessibility is put in order of position.
-- All runs count, whether they trained on an example or held it out; for either kind alone,
-- count in forgetting, by held_out, the first_correct and the learned up to each evaluation.
-- Never NULL. Always first_correct >= accuracy >= last_mistake: each curve is over the same runs,
-- those that have recorded the evaluation, and a run's mistakes are those recorded so far.

CREATE VIEW first_correct_last_mistake AS
SELECT
    part.ensemble,
    part.ensemble_id,
    part.split,
    curve.band,
    curve.evaluation,
    curve.runs,
    curve.examples,
    curve.first_correct,
    curve.accuracy,
    curve.last_mistake
FROM (
    SELECT
        example.ensemble,
        example.ensemble_id,
        example.split,
        array_agg(example.decile ORDER BY example.position) AS bands
    FROM (
        SELECT
            accessibility.ensemble,
            accessibility.ensemble_id,
            accessibility.split,
            accessibility.position,
            ntile(10) OVER (
                PARTITION BY
                    accessibility.ensemble, accessibility.ensemble_id, accessibility.split
                -- Rounded as for the rank: sums of equal scores differ in their last bits.
                ORDER BY round(accessibility.accessibility * 1e12), accessibility.position
            ) AS decile
        FROM accessibility
    ) AS example
    GROUP BY example.ensemble, example.ensemble_id, example.split
) AS part
CROSS JOIN
    LATERAL first_correct_last_mistake_by(part.ensemble, part.split, part.bands) AS curve;

COMMENT ON VIEW first_correct_last_mistake IS
'Share of examples once right, right, and right from now on, by decile of accessibility.';
COMMENT ON COLUMN first_correct_last_mistake.band IS
'Decile of accessibility within the split, 1 the hardest to 10 the easiest; 0 is all examples.';
COMMENT ON COLUMN first_correct_last_mistake.runs IS
'Counted runs that have recorded the evaluation; all curves are means over them.';
COMMENT ON COLUMN first_correct_last_mistake.examples IS 'Examples of the band.';
COMMENT ON COLUMN first_correct_last_mistake.first_correct IS
'FC: share of the examples that were right at some evaluation up to this one.';
COMMENT ON COLUMN first_correct_last_mistake.accuracy IS
'Share of the examples that are right at this evaluation.';
COMMENT ON COLUMN first_correct_last_mistake.last_mistake IS
'LM: share of the examples that are right at this evaluation and all later ones.';
COMMENT ON COLUMN first_correct_last_mistake.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN first_correct_last_mistake.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN first_correct_last_mistake.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN first_correct_last_mistake.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
