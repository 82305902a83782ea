-- bitslice_entropy: the entropy of the predicted classes of each example, in nats, in slot order.
-- Source: -sum_k q_k ln q_k, q_k the share of the votes for class k: Baldock 2021 eq. 3.
--
-- Of votes [runs][planes], of which those in the bitmaps `members` count; see bitslice_votes.
-- NULL where an example has none; '{}' where no example has any.

CREATE FUNCTION bitslice_entropy(votes BIT VARYING[], members BIT VARYING[], classes INTEGER)
RETURNS DOUBLE PRECISION[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000000
AS $$
DECLARE
    voters INTEGER [] := unslice(bitslice_count(members));
    entropy DOUBLE PRECISION [];
    one BIT VARYING [];
BEGIN
    FOR one IN SELECT part.tally FROM bitslice_votes(votes, members, classes) AS part LOOP
        entropy := ARRAY(
            SELECT
                CASE WHEN example.tally BETWEEN 1 AND example.voters - 1
                    THEN
                        coalesce(example.entropy, 0)
                        + ln(example.voters::DOUBLE PRECISION / example.tally)
                        * example.tally / example.voters
                    WHEN example.voters > 0 THEN coalesce(example.entropy, 0)
                END
            FROM (
                -- Zipped in the list of columns: as a function in FROM it would be kept first.
                SELECT
                    unnest(entropy) AS entropy,
                    unnest(unslice(one)) AS tally,
                    unnest(voters) AS voters
                OFFSET 0
            ) AS example
        );
    END LOOP;
    RETURN coalesce(entropy, '{}');
END
$$;

COMMENT ON FUNCTION bitslice_entropy(BIT VARYING[], BIT VARYING[], INTEGER) IS
'Entropy of the predicted classes of each example in nats, in slot order (Baldock 2021).';
