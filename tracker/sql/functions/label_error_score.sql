-- label_error_score: how much an ensemble contradicts the label of an example that it trained on
-- Source: examples that are never learned although the runs agree on another class: impossible ones
-- (Meding 2022), of which the consensus class (Baldock 2021) is wrong.
--
-- `consensus_share` - `accessibility`: the share of runs that vote for another class in the end,
-- less the share of all answers in training that were the label, or the mean probability that it
-- was given (confidence, see data_map); 1 where it never had any and all agree. NULL, not
-- suspected, where that is more than `most_right`, or no more than `least_agreed` of the runs agree
-- on the other class. Give it only consensus classes that are not the label.
-- One expression, so that the planner inlines it.

CREATE FUNCTION label_error_score(
    accessibility DOUBLE PRECISION, -- Share of all answers that were the label, or confidence.
    consensus_share DOUBLE PRECISION, -- Share of the runs that vote for another class in the end.
    most_right DOUBLE PRECISION DEFAULT 0.1, -- Not suspected where accessibility is above it.
    least_agreed DOUBLE PRECISION DEFAULT 0.5 -- Nor where consensus_share is not above it.
)
RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        -- The last bits of a mean do not decide.
        WHEN accessibility <= most_right + 1e-9 AND consensus_share > least_agreed
            THEN consensus_share - accessibility
    END
$$;

COMMENT ON FUNCTION label_error_score(
    DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION
) IS
'How much an ensemble contradicts the label of an example; NULL where it is not suspected.';
