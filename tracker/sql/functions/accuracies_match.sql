-- accuracies_match: are two mean accuracies equal, within a tolerance?
-- Source: matched epochs, Hacohen 2020 s.4.1: "equivalence is determined up to a tolerance of
-- +-1%; results are not sensitive to this value". Of the accuracy, in absolute terms: 0.42 and
-- 0.43 match. The bound itself is within; 1e-12 is for the last bits.

CREATE FUNCTION accuracies_match(
    a DOUBLE PRECISION, -- Mean accuracy of an ensemble, from 0 to 1, as in ensemble_accuracy.
    b DOUBLE PRECISION, -- That of another one.
    tolerance DOUBLE PRECISION DEFAULT 0.01 -- Largest difference that counts as none.
)
RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT abs(a - b) <= tolerance + 1e-12
$$;

COMMENT ON FUNCTION accuracies_match(DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION) IS
'Are two mean accuracies equal within a tolerance, 0.01 unless given (Hacohen 2020)?';
