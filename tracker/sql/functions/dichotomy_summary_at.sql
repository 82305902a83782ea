-- dichotomy_summary_at: the view dichotomy_summary of one ensemble, with a tolerance
-- Source: Meding 2022; see dichotomous_difficulty.
--
-- Evaluations that no more than 2 `tolerance` runs have recorded have no rows. An unknown ensemble
-- is an error, and so is a tolerance of half of its runs or more, with which none could have any.

CREATE FUNCTION dichotomy_summary_at(
    ensemble TEXT, -- Name of an ensemble.
    tolerance INTEGER -- Runs that may differ from the others, 0 for none.
)
RETURNS TABLE (
    split TEXT, -- Split of the dataset: train or test.
    evaluation INTEGER, -- Ordinal of the evaluation; 0 is the untrained network.
    runs INTEGER, -- Counted runs that have recorded the evaluation.
    examples INTEGER, -- Examples of the split.
    trivial INTEGER, -- Examples that are right in all runs but at most `tolerance`.
    in_between INTEGER, -- Examples that are neither.
    impossible INTEGER, -- Examples that are right in at most `tolerance` runs.
    trivial_share DOUBLE PRECISION, -- trivial / examples.
    in_between_share DOUBLE PRECISION, -- in_between / examples.
    impossible_share DOUBLE PRECISION, -- impossible / examples.
    null_trivial_share DOUBLE PRECISION,
    -- Expected trivial_share if the runs were right independently, with the same accuracies.
    null_in_between_share DOUBLE PRECISION,
    -- Expected in_between_share if the runs were right independently.
    null_impossible_share DOUBLE PRECISION
    -- Expected impossible_share if the runs were right independently.
)
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    most INTEGER;
BEGIN
    IF NOT EXISTS (SELECT FROM ensemble AS one WHERE one.name = dichotomy_summary_at.ensemble) THEN
        RAISE EXCEPTION 'dichotomy_summary_at: there is no ensemble named %', quote_literal(ensemble);
    END IF;
    IF tolerance < 0 THEN
        RAISE EXCEPTION 'dichotomy_summary_at: tolerance must be at least 0, got %', tolerance;
    END IF;
    IF tolerance > 0 THEN
        -- Those that have not recorded anything yet too: an ensemble that still trains is no error.
        SELECT count(*) INTO most
        FROM counted_run
        WHERE counted_run.ensemble = dichotomy_summary_at.ensemble;
        IF most > 0 AND tolerance >= most / 2.0 THEN
            RAISE EXCEPTION
                'dichotomy_summary_at: tolerance must be below half of the % runs of %, got %',
                most, quote_literal(ensemble), tolerance;
        END IF;
    END IF;
    RETURN QUERY
    SELECT
        total.split,
        total.evaluation,
        total.runs,
        total.examples::INTEGER,
        total.trivial::INTEGER,
        total.in_between::INTEGER,
        total.impossible::INTEGER,
        total.trivial / total.examples,
        total.in_between / total.examples,
        total.impossible / total.examples,
        total.null_trivial / total.examples,
        total.null_in_between / total.examples,
        total.null_impossible / total.examples
    FROM (
        SELECT
            bar.split,
            bar.evaluation,
            bar.runs,
            sum(bar.examples)::DOUBLE PRECISION AS examples,
            sum(bar.examples * (bar.difficulty = 'trivial')::INTEGER)::DOUBLE PRECISION AS trivial,
            sum(bar.examples * (bar.difficulty = 'in between')::INTEGER)::DOUBLE PRECISION
                AS in_between,
            sum(bar.examples * (bar.difficulty = 'impossible')::INTEGER)::DOUBLE PRECISION
                AS impossible,
            sum(bar.null_examples * (bar.difficulty = 'trivial')::INTEGER) AS null_trivial,
            sum(bar.null_examples * (bar.difficulty = 'in between')::INTEGER) AS null_in_between,
            sum(bar.null_examples * (bar.difficulty = 'impossible')::INTEGER) AS null_impossible
        FROM (
            SELECT
                histogram.*,
                dichotomous_difficulty(
                    histogram.runs_correct, histogram.runs, dichotomy_summary_at.tolerance
                ) AS difficulty
            FROM tp_agreement_histogram AS histogram
            WHERE histogram.ensemble = dichotomy_summary_at.ensemble
        ) AS bar
        WHERE bar.difficulty IS NOT NULL
        GROUP BY bar.split, bar.evaluation, bar.runs
    ) AS total;
END
$$;

COMMENT ON FUNCTION dichotomy_summary_at(TEXT, INTEGER) IS
'The view dichotomy_summary of one ensemble, with a tolerance in runs.';
