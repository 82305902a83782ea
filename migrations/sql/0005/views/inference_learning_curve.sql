-- inference_learning_curve: accuracy of the probe of each layer, beside the network's
-- Grain: one row per (ensemble, evaluation, example_group, layer) that a counted run has probed.
-- Source: Baldock 2021 s.3.2, Fig. 5 right: what the network makes of clean and mislabelled
-- examples on the way from its input to its output.
--
-- Never NULL. The groups: what a run trained on (trained_on), and where labels were changed on
-- purpose its two parts (clean, mislabelled); what it held out of the training split (held_out);
-- every other split by its name. All are compared with the labels given, but
-- mislabelled_true_label, the mislabelled examples again, with the original ones.

CREATE VIEW inference_learning_curve AS
SELECT
    counted_run.ensemble,
    counted_run.ensemble_id,
    probe_accuracy.evaluation,
    probe_accuracy.example_group,
    probe_accuracy.layer,
    probed_evaluation.layers[probe_accuracy.layer + 1] AS layer_name,
    count(*)::INTEGER AS runs,
    avg(probe_accuracy.correct::DOUBLE PRECISION / probe_accuracy.examples) AS accuracy,
    stddev_pop(probe_accuracy.correct::DOUBLE PRECISION / probe_accuracy.examples) AS deviation,
    avg(probe_accuracy.network_correct::DOUBLE PRECISION / probe_accuracy.examples)
        AS network_accuracy,
    stddev_pop(probe_accuracy.network_correct::DOUBLE PRECISION / probe_accuracy.examples)
        AS network_deviation
FROM counted_run
INNER JOIN probed_evaluation ON counted_run.run_id = probed_evaluation.run_id
INNER JOIN probe_accuracy
    ON
        probed_evaluation.run_id = probe_accuracy.run_id
        AND probed_evaluation.evaluation = probe_accuracy.evaluation
GROUP BY
    counted_run.ensemble,
    counted_run.ensemble_id,
    probe_accuracy.evaluation,
    probe_accuracy.example_group,
    probe_accuracy.layer,
    probed_evaluation.layers[probe_accuracy.layer + 1];

COMMENT ON VIEW inference_learning_curve IS
'Accuracy of the k-NN probe of each layer, by group of examples, beside the network''s.';
COMMENT ON COLUMN inference_learning_curve.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN inference_learning_curve.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN inference_learning_curve.evaluation IS
'Ordinal of the evaluation; 0 is the untrained network.';
COMMENT ON COLUMN inference_learning_curve.example_group IS
'trained_on, clean, mislabelled, mislabelled_true_label, held_out, or the name of another split.';
COMMENT ON COLUMN inference_learning_curve.layer IS 'Number of the probe, 0 at the input.';
COMMENT ON COLUMN inference_learning_curve.layer_name IS
'What the probe looks at: input, a block of the network, softmax.';
COMMENT ON COLUMN inference_learning_curve.runs IS 'Counted runs that have such examples.';
COMMENT ON COLUMN inference_learning_curve.accuracy IS
'Mean over them of the share of the group whose probe gives the label.';
COMMENT ON COLUMN inference_learning_curve.deviation IS
'Population standard deviation of that share over the runs.';
COMMENT ON COLUMN inference_learning_curve.network_accuracy IS
'Mean over them of the share of the group of which the network itself gives the label.';
COMMENT ON COLUMN inference_learning_curve.network_deviation IS
'Population standard deviation of that share over the runs.';
