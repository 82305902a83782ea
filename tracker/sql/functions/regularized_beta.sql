-- regularized_beta: the regularized incomplete beta function I_x(a, b), and the tails of the
-- distributions that it gives: Student's t, the binomial.
-- Source: continued fraction, Press et al., Numerical Recipes s.6.4 (modified Lentz); Stirling's
-- series for the logarithm of the beta function. Relative error below 1e-9 for a and b from 1e-3
-- to 1e6.
--
-- NULL for a NULL argument. Results below 1e-280 are 0: Postgres ends a query that underflows.

-- ln(1 + y) without the digits that 1 + y loses (Kahan); Postgres has no log1p.
CREATE FUNCTION log_of_one_plus(y DOUBLE PRECISION)
RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT CASE WHEN abs(y) < 1e-16 THEN y ELSE ln(1 + y) * (y / ((1 + y) - 1)) END
$$;

CREATE FUNCTION log_beta(a DOUBLE PRECISION, b DOUBLE PRECISION)
RETURNS DOUBLE PRECISION
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    p DOUBLE PRECISION := a;
    q DOUBLE PRECISION := b;
    s DOUBLE PRECISION;
    shift DOUBLE PRECISION := 0;
    series DOUBLE PRECISION := 0;
    z DOUBLE PRECISION;
    w DOUBLE PRECISION;
BEGIN
    -- Stirling's series is exact to the last digits from 10 on: B(p, q) = B(p + 1, q) (p + q) / p.
    WHILE p < 10 LOOP
        shift := shift + ln((p + q) / p);
        p := p + 1;
    END LOOP;
    WHILE q < 10 LOOP
        shift := shift + ln((p + q) / q);
        q := q + 1;
    END LOOP;
    s := p + q;
    FOREACH z IN ARRAY ARRAY[p, q, -s] LOOP
        w := 1 / (z * z);
        series := series
            + (1.0 / 12 - w * (1.0 / 360 - w * (1.0 / 1260 - w * (1.0 / 1680
            - w * (1.0 / 1188 - w * (691.0 / 360360 - w / 156)))))) / z;
    END LOOP;
    RETURN shift + series + 0.5 * ln(2 * pi() / s)
        - (p - 0.5) * log_of_one_plus(q / p) - (q - 0.5) * log_of_one_plus(p / q);
END
$$;

CREATE FUNCTION regularized_beta(
    x DOUBLE PRECISION, a DOUBLE PRECISION, b DOUBLE PRECISION
)
RETURNS DOUBLE PRECISION
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS $$
DECLARE
    c DOUBLE PRECISION := 1;
    d DOUBLE PRECISION := 1 - (a + b) * x / (a + 1);
    fraction DOUBLE PRECISION;
    term DOUBLE PRECISION;
    change DOUBLE PRECISION;
    exponent DOUBLE PRECISION;
    m DOUBLE PRECISION := 0;
BEGIN
    IF NOT (a > 0 AND b > 0 AND x BETWEEN 0 AND 1) THEN
        RAISE EXCEPTION
            'regularized_beta: x must be from 0 to 1, a and b above 0, got %, % and %', x, a, b;
    END IF;
    IF x IN (0, 1) THEN
        RETURN x;
    END IF;
    -- The fraction converges quickly on one side of the mean only: I_x(a, b) = 1 - I_{1-x}(b, a).
    IF x > (a + 1) / (a + b + 2) THEN
        RETURN 1 - regularized_beta(1 - x, b, a);
    END IF;
    exponent := a * ln(x) + b * log_of_one_plus(-x) - log_beta(a, b) - ln(a);
    IF exponent < -645 THEN
        RETURN 0;
    END IF;
    -- A denominator of exactly 0 is replaced by next to nothing.
    d := 1 / coalesce(nullif(d, 0), 1e-30);
    fraction := d;
    LOOP
        m := m + 1;
        term := m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d := 1 / coalesce(nullif(1 + term * d, 0), 1e-30);
        c := coalesce(nullif(1 + term / c, 0), 1e-30);
        fraction := fraction * d * c;
        term := -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d := 1 / coalesce(nullif(1 + term * d, 0), 1e-30);
        c := coalesce(nullif(1 + term / c, 0), 1e-30);
        change := d * c;
        fraction := fraction * change;
        EXIT WHEN abs(change - 1) < 1e-15 OR m > 100000;
    END LOOP;
    RETURN exp(exponent) * fraction;
END
$$;

-- The two-sided p-value of a correlation of n pairs, by Student's t with n - 2 degrees of freedom:
-- how likely independent values are to be correlated as much. NULL for fewer than 3 pairs, where
-- there is nothing to test.
CREATE FUNCTION correlation_p_value(r DOUBLE PRECISION, n BIGINT)
RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN r IS NULL OR n < 3 THEN NULL
        WHEN abs(r) < 1e-100 THEN 1
        -- I_{1-r^2}(n/2 - 1, 1/2); where r is so small that 1 - r^2 would round it off, one less
        -- the other side's.
        WHEN r * r * n < 1 THEN 1 - regularized_beta(r * r, 0.5, (n - 2) / 2.0)
        ELSE regularized_beta(greatest((1 - r) * (1 + r), 0), (n - 2) / 2.0, 0.5)
    END
$$;

-- Ranks l and n + 1 - l between whose order statistics the median of a distribution lies with at
-- least this confidence, whatever the distribution (Hahn & Meeker 1991 s.5.2): the l-th smallest of
-- n independent values is above the median with the probability of fewer than l heads in n tosses.
-- NULL where even the smallest and the largest value do not suffice.
CREATE FUNCTION median_interval_rank(n BIGINT, confidence DOUBLE PRECISION DEFAULT 0.95)
RETURNS BIGINT
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100000
AS $$
DECLARE
    low BIGINT := 0;
    high BIGINT := n / 2 + 1;
    middle BIGINT;
BEGIN
    -- The largest l with P(heads <= l - 1) = I_{1/2}(n - l + 1, l) <= (1 - confidence) / 2.
    WHILE high - low > 1 LOOP
        middle := (low + high) / 2;
        IF regularized_beta(0.5, n - middle + 1, middle) <= (1 - confidence) / 2 THEN
            low := middle;
        ELSE
            high := middle;
        END IF;
    END LOOP;
    RETURN nullif(low, 0);
END
$$;

COMMENT ON FUNCTION regularized_beta(DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION) IS
'The regularized incomplete beta function I_x(a, b).';
COMMENT ON FUNCTION correlation_p_value(DOUBLE PRECISION, BIGINT) IS
'Two-sided p-value of a correlation of n pairs, by Student''s t.';
COMMENT ON FUNCTION median_interval_rank(BIGINT, DOUBLE PRECISION) IS
'The rank l for which the l-th smallest and l-th largest of n values enclose the median with this '
'confidence.';
