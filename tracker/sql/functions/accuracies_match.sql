-- accuracies_match: are two mean accuracies equal, within a tolerance?
-- Source: matched epochs, Hacohen 2020 s.4.1: "equivalence is determined up to a tolerance of
-- +-1%; results are not sensitive to this value". Of the accuracy, in absolute terms: 0.42 and
-- 0.43 match. The bound itself is within; 1e-12 is for the last bits.

CREATE FUNCTION accuracies_match(
    a DOUBLE PRECISION, b DOUBLE PRECISION, tolerance DOUBLE PRECISION DEFAULT 0.01
)
RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT abs(a - b) <= tolerance + 1e-12
$$;
