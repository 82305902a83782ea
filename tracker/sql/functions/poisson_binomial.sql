-- poisson_binomial: the distribution of the number of successes of independent trials
-- with the given probabilities; element k + 1 is the probability of exactly k.
-- Masses below 1e-100 count as 0: Postgres ends a query whose product underflows, and no figure
-- shows them.
-- Source: the null model of Hacohen 2020 s.3.1: runs that are right independently of each other.

CREATE FUNCTION poisson_binomial(probabilities DOUBLE PRECISION[])
RETURNS DOUBLE PRECISION[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    mass DOUBLE PRECISION [] := ARRAY[1.0];
    p DOUBLE PRECISION;
BEGIN
    FOREACH p IN ARRAY probabilities LOOP
        mass := ARRAY(
            SELECT CASE WHEN part.value < 1e-100 THEN 0 ELSE part.value END
            FROM unnest(mass) WITH ORDINALITY AS part (value, place)
            ORDER BY part.place
        );
        -- From the top down, so that each trial reads the masses from before it.
        mass := array_append(mass, mass[cardinality(mass)] * p);
        FOR k IN REVERSE cardinality(mass) - 1 .. 2 LOOP
            mass[k] := mass[k] * (1 - p) + mass[k - 1] * p;
        END LOOP;
        mass[1] := mass[1] * (1 - p);
    END LOOP;
    RETURN mass;
END
$$;

COMMENT ON FUNCTION poisson_binomial(DOUBLE PRECISION[]) IS
'The distribution of the number of successes of independent trials with these probabilities.';
