-- dichotomy: is an example right in all runs, in none, or in some?
-- Grain: one row per (ensemble, example, evaluation) that at least one counted run has recorded.
-- Source: dichotomous data difficulty, Meding 2022.
--
-- difficulty is by all runs; beside it, by those that trained on the example and by those that held
-- it out. With a tolerance of t runs: dichotomous_difficulty(runs_correct, runs, t).
-- NULL: difficulty_trained_on and difficulty_held_out where there are no such runs.

CREATE VIEW dichotomy AS
SELECT
    tp_agreement.ensemble,
    tp_agreement.ensemble_id,
    tp_agreement.split,
    tp_agreement.example_id,
    tp_agreement.position,
    tp_agreement.label,
    tp_agreement.evaluation,
    tp_agreement.runs,
    tp_agreement.runs_correct,
    dichotomous_difficulty(tp_agreement.runs_correct, tp_agreement.runs) AS difficulty,
    tp_agreement.block,
    tp_agreement.runs_held_out,
    tp_agreement.runs_correct_held_out,
    dichotomous_difficulty(
        tp_agreement.runs_correct - tp_agreement.runs_correct_held_out,
        tp_agreement.runs - tp_agreement.runs_held_out
    ) AS difficulty_trained_on,
    dichotomous_difficulty(tp_agreement.runs_correct_held_out, tp_agreement.runs_held_out)
        AS difficulty_held_out
FROM tp_agreement;

COMMENT ON VIEW dichotomy IS
'Whether each example is right in all runs, in none or in between, at each evaluation.';
COMMENT ON COLUMN dichotomy.runs IS 'Counted runs that have recorded the evaluation.';
COMMENT ON COLUMN dichotomy.runs_correct IS 'Runs that are right.';
COMMENT ON COLUMN dichotomy.difficulty IS
'trivial: right in all runs; impossible: in none; else in between (Meding 2022).';
COMMENT ON COLUMN dichotomy.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN dichotomy.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN dichotomy.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN dichotomy.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN dichotomy.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN dichotomy.label IS 'Index of the labelled class.';
COMMENT ON COLUMN dichotomy.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN dichotomy.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
COMMENT ON COLUMN dichotomy.runs_held_out IS 'Those runs that held the example out.';
COMMENT ON COLUMN dichotomy.runs_correct_held_out IS 'Those of them that are right.';
COMMENT ON COLUMN dichotomy.difficulty_trained_on IS
'The same by the runs that trained on the example.';
COMMENT ON COLUMN dichotomy.difficulty_held_out IS 'The same by the runs that held it out.';
