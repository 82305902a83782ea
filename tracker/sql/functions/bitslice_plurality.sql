-- bitslice_plurality: the class that most votes of each example are for, and how many.
-- Source: majority of a tie to the label if it is among the tied, else to the lowest class index:
-- Baldock 2021 s.3.1 and A.6.2.
--
-- A class's claim is a number, as slices: its votes; below them, as decider of ties, one bit that
-- is set where it is the label; below that its index, all digits turned so that the lowest index
-- is the largest number. The largest claim wins.

CREATE FUNCTION bitslice_claim(class BIT VARYING[], tally BIT VARYING[], label BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    turned BIT VARYING [] := '{}';
    differ BIT VARYING := class[1] # class[1];
BEGIN
    FOR p IN 1 .. cardinality(class) LOOP
        turned[p] := ~class[p];
        differ := differ | (class[p] # label[p]);
    END LOOP;
    RETURN turned || ~differ || tally;
END
$$;

-- The largest claim; '{}' for none.
CREATE AGGREGATE bitslice_greatest (VARBIT [])(
    SFUNC = bitslice_max,
    STYPE = _varbit,
    INITCOND = '{}',
    COMBINEFUNC = bitslice_max,
    PARALLEL = safe
);

-- What the winning claim says: the class and its votes, as slices. NULL for '{}'.
CREATE FUNCTION bitslice_winner(
    claim BIT VARYING[], planes INTEGER, OUT class BIT VARYING[], OUT tally BIT VARYING[]
)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    IF cardinality(claim) > 0 THEN
        FOR p IN 1 .. planes LOOP
            class[p] := ~claim[p];
        END LOOP;
        tally := claim[planes + 2 :];
    END IF;
END
$$;

-- Of votes [runs][planes], of which those in the bitmaps `members` count; see bitslice_votes.
-- Where an example has none, `tally` is 0 and `class` means nothing.
CREATE FUNCTION bitslice_plurality(
    votes BIT VARYING[],
    members BIT VARYING[],
    label BIT VARYING[],
    classes INTEGER,
    OUT class BIT VARYING[],
    OUT tally BIT VARYING[]
)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100000
AS $$
    SELECT winner.class, winner.tally
    FROM (
        SELECT bitslice_greatest(bitslice_claim(part.class, part.tally, label)) AS claim
        FROM bitslice_votes(votes, members, classes) AS part
    ) AS best
    CROSS JOIN LATERAL bitslice_winner(best.claim, array_length(votes, 2)) AS winner
$$;

COMMENT ON FUNCTION bitslice_plurality(BIT VARYING[], BIT VARYING[], BIT VARYING[], INTEGER) IS
'The class that most votes of each example are for, and how many; a tie goes to the label, else to '
'the lowest class.';
