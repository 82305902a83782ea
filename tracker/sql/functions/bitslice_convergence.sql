-- bitslice_convergence: from which evaluation on one run predicts what it predicts at the end
-- Source: iteration learned, Baldock 2021 s.3.2 (after Toneva 2019): the smallest t from which on
-- the prediction equals the final one, right or wrong; examples "consistently classified after all
-- training steps and at the moment of initialization" are learned at 0.
--
-- `predicted` is [evaluations][planes]: the classes as bit planes at the evaluations whose ordinals
-- are `evaluations`, ascending. The result comes as `planes` slices, as in bitslice_history, whose
-- reasoning is used too: "as at the end from here on" turns at one point. An example that never
-- changes gets 0, also where the untrained network was not recorded.

CREATE FUNCTION bitslice_convergence(
    predicted BIT VARYING[], evaluations INTEGER[], planes INTEGER
)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 200000
AS $$
DECLARE
    -- A copy of our own is laid out for quick access.
    votes BIT VARYING [] := predicted;
    n INTEGER := array_length(predicted, 1);
    none BIT VARYING := predicted[1][1] # predicted[1][1];
    differs BIT VARYING := none;
    converged BIT VARYING [] := '{}';
    changes INTEGER;
BEGIN
    -- From the last evaluation, which all examples agree with, down to the first.
    FOR p IN 1 .. planes LOOP
        converged[p] := CASE
            WHEN n > 1 AND (evaluations[n] >> (p - 1)) & 1 = 1 THEN ~none ELSE none
        END;
    END LOOP;
    FOR e IN REVERSE n - 1 .. 1 LOOP
        FOR p IN 1 .. array_length(votes, 2) LOOP
            differs := differs | (votes[e][p] # votes[n][p]);
        END LOOP;
        changes := CASE WHEN e > 1 THEN evaluations[e] ELSE 0 END # evaluations[e + 1];
        FOR p IN 1 .. planes LOOP
            IF (changes >> (p - 1)) & 1 = 1 THEN
                converged[p] := converged[p] # ~differs;
            END IF;
        END LOOP;
    END LOOP;
    RETURN converged;
END
$$;

COMMENT ON FUNCTION bitslice_convergence(BIT VARYING[], INTEGER[], INTEGER) IS
'The evaluation from which on one run predicts for each example what it predicts at the end, as '
'slices.';
