-- example_label: what each example is labelled, and whether that is wrong on purpose
-- Grain: one row per (ensemble, example) of the ensemble's dataset.
-- Source: label noise Baldock 2021 s.3.2, random labels Zhang 2016 as in Hacohen 2020 s.5.2.
--
-- For joining any view of examples to, USING (ensemble_id, example_id).
-- Never NULL: without label noise every label is the original one. Of an imported example whose
-- label the file does not tell, it is the class that comes after those of the file, which is called
-- unknown: 0 where the file has right and wrong alone.

CREATE VIEW example_label AS
SELECT
    ensemble.name AS ensemble,
    ensemble.id AS ensemble_id,
    example.split,
    example.example_id,
    example.position,
    example.label,
    coalesce(example.original_label, example.label) AS original_label,
    example.original_label IS NOT NULL AS mislabelled,
    example.block
FROM ensemble
INNER JOIN example ON ensemble.dataset_id = example.dataset_id;

COMMENT ON VIEW example_label IS
'What each example is labelled, what it was labelled before label noise, and whether they differ.';
COMMENT ON COLUMN example_label.original_label IS
'Index of the class that the dataset was published with.';
COMMENT ON COLUMN example_label.mislabelled IS
'Has label noise changed the label? Of random labels, one in as many as there are classes is right '
'by chance, and not mislabelled.';
COMMENT ON COLUMN example_label.ensemble IS 'Name of the ensemble.';
COMMENT ON COLUMN example_label.ensemble_id IS 'Id of the ensemble.';
COMMENT ON COLUMN example_label.split IS 'Split of the dataset: train or test.';
COMMENT ON COLUMN example_label.example_id IS
'Number of the example in its dataset: the splits follow each other.';
COMMENT ON COLUMN example_label.position IS '0-based place of the example in its split.';
COMMENT ON COLUMN example_label.label IS
'Index of the labelled class: what runs were told, and what right and wrong are measured by; the '
'last class, unknown, of imported examples whose label nobody tells.';
COMMENT ON COLUMN example_label.block IS
'Block that the example is stored in: see the table block, and the function example_block.';
