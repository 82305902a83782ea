-- agreement_null: the distribution of agreement among independent runs, exactly
-- Source: the null hypothesis of Hacohen 2020 Fig. 5, "models that do not learn in a similar
-- order": runs that are right independently of each other, each with its own accuracy, and whose
-- wrong answers are one of the other classes, all alike likely. (The paper draws random
-- classification vectors.)
--
-- The number of right runs is Poisson-binomial. Given it, the wrong votes fall into the other
-- classes as balls into boxes; agreement is the larger of the right votes and the fullest box.

-- Of 0 ... `votes` balls thrown into `boxes` alike boxes: the probability that no box holds more
-- than m balls, in element [balls + 1][m + 1]. It depends on numbers only, so that one table does
-- for all evaluations of an ensemble.
--
-- For a given m, let P(k, n) be that of n balls in k boxes. The ball that is the first to be one
-- too many comes after n others, m of them in its box, and none too many in the rest:
--   P(k, n + 1) = P(k, n) - C(n, m) (1/k)^m (1 - 1/k)^(n - m) P(k - 1, n - m)
-- Each box left out takes m + 1 balls with it, so that few are left out however many there are.
CREATE FUNCTION largest_box(votes INTEGER, boxes INTEGER)
RETURNS DOUBLE PRECISION[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000000
AS $$
DECLARE
    result DOUBLE PRECISION [] := array_fill(0::DOUBLE PRECISION, ARRAY[votes + 1, votes + 1]);
    rest DOUBLE PRECISION [];
    here DOUBLE PRECISION [];
    lowest INTEGER;
    most INTEGER;
    log_mass DOUBLE PRECISION;
BEGIN
    FOR m IN 0 .. votes LOOP
        -- Boxes are added one by one, from the smallest number that can still matter; the table
        -- for k boxes reaches as far as those for more boxes ask for.
        lowest := greatest(boxes - votes / (m + 1), 0);
        FOR k IN lowest .. boxes LOOP
            most := votes - (boxes - k) * (m + 1);
            here := ARRAY[1::DOUBLE PRECISION];
            log_mass := 0;
            FOR n IN 0 .. most - 1 LOOP
                IF k = 0 THEN
                    here[n + 2] := 0;
                ELSIF n < m THEN
                    here[n + 2] := 1;
                ELSIF k = 1 THEN
                    here[n + 2] := 0;
                ELSE
                    -- The binomial mass by its logarithm: Postgres ends a query that underflows.
                    log_mass := CASE
                        WHEN n = m THEN -m * ln(k)
                        ELSE log_mass + ln(n / (n - m)::DOUBLE PRECISION)
                            + ln((k - 1) / k::DOUBLE PRECISION)
                    END;
                    here[n + 2] := here[n + 1];
                    IF log_mass > -600 AND rest[n - m + 1] > 1e-100 THEN
                        here[n + 2] := greatest(
                            here[n + 1] - exp(log_mass) * rest[n - m + 1], 0
                        );
                    END IF;
                END IF;
            END LOOP;
            rest := here;
        END LOOP;
        FOR n IN 0 .. votes LOOP
            result[n + 1][m + 1] := here[n + 1];
        END LOOP;
    END LOOP;
    RETURN result;
END
$$;

-- The probability that exactly 1, 2, ... runs agree. `boxes` is largest_box(runs, classes - 1).
CREATE FUNCTION agreement_null(accuracies DOUBLE PRECISION[], boxes DOUBLE PRECISION[])
RETURNS DOUBLE PRECISION[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100000
AS $$
DECLARE
    runs INTEGER := cardinality(accuracies);
    right_runs DOUBLE PRECISION [] := poisson_binomial(accuracies);
    result DOUBLE PRECISION [] := '{}';
    up_to DOUBLE PRECISION;
    before DOUBLE PRECISION := 0;
BEGIN
    FOR m IN 1 .. runs LOOP
        up_to := 0;
        FOR c IN 0 .. m LOOP
            -- Products that a double cannot hold are 0.
            IF right_runs[c + 1] > 1e-100 AND boxes[runs - c + 1][m + 1] > 1e-100 THEN
                up_to := up_to + right_runs[c + 1] * boxes[runs - c + 1][m + 1];
            END IF;
        END LOOP;
        result[m] := greatest(up_to - before, 0);
        before := up_to;
    END LOOP;
    RETURN result;
END
$$;

COMMENT ON FUNCTION largest_box(INTEGER, INTEGER) IS
'Of 0 to votes balls thrown into alike boxes: the probability that no box holds more than m balls.';
COMMENT ON FUNCTION agreement_null(DOUBLE PRECISION[], DOUBLE PRECISION[]) IS
'Distribution of agreement among independent runs of these accuracies: exactly 1, 2, ... agree.';
