-- bitslice_votes: for each example, which classes are voted for and how often.
-- Source: the histogram of predicted classes behind the consensus class and the prediction
-- entropy, Baldock 2021 s.3.1 and app. C.2; the most frequent class, Hacohen 2019 app. E.
--
-- `votes` is [runs][planes]: the class that each run predicts, as bit planes, least significant
-- first; of run r only the examples in the bitmap members[r] count. No rows for no votes.

-- One row per class that anyone votes for: its votes, as slices. The work is shared along the
-- binary tree of class indices (see bitslice_mode): `members` vote for classes first ...
-- first + 2^plane - 1, and `total` is their number.
CREATE FUNCTION bitslice_votes_in_range(
    votes BIT VARYING[],
    members BIT VARYING[],
    total BIT VARYING[],
    plane INTEGER,
    first INTEGER,
    classes INTEGER
)
RETURNS TABLE (class INTEGER, tally BIT VARYING[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    upper BIT VARYING [];
    upper_total BIT VARYING [];
    lower BIT VARYING [];
    p INTEGER := plane;
BEGIN
    IF cardinality(total) = 1 AND bit_count(total[1]) = 0 THEN
        RETURN;
    END IF;
    WHILE p > 0 AND first + (1 << (p - 1)) >= classes LOOP
        p := p - 1;
    END LOOP;
    IF p = 0 THEN
        class := first;
        tally := total;
        RETURN NEXT;
        RETURN;
    END IF;
    FOR r IN 1 .. array_length(votes, 1) LOOP
        upper[r] := members[r] & votes[r][p];
    END LOOP;
    upper_total := bitslice_count(upper);
    -- Of a single class its total is all that is asked.
    IF p > 1 THEN
        FOR r IN 1 .. array_length(votes, 1) LOOP
            lower[r] := members[r] # upper[r];
        END LOOP;
    END IF;
    RETURN QUERY
    SELECT * FROM bitslice_votes_in_range(
        votes, lower, bitslice_subtract(total, upper_total), p - 1, first, classes
    );
    RETURN QUERY
    SELECT * FROM bitslice_votes_in_range(
        votes, upper, upper_total, p - 1, first + (1 << (p - 1)), classes
    );
END
$$;

CREATE FUNCTION bitslice_votes_by_class(
    votes BIT VARYING[], members BIT VARYING[], classes INTEGER
)
RETURNS TABLE (class INTEGER, tally BIT VARYING[])
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT part.class, part.tally
    FROM bitslice_votes_in_range(
        votes, members, bitslice_count(members), array_length(votes, 2), 0, classes
    ) AS part
$$;

-- The same in as many rows as there are runs, however many classes: `class`, as planes, is the vote
-- of one run, and `tally` the votes for it where no run before that one votes the same, else 0.
CREATE FUNCTION bitslice_votes_by_run(votes BIT VARYING[], members BIT VARYING[])
RETURNS TABLE (class BIT VARYING[], tally BIT VARYING[])
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    runs INTEGER := array_length(votes, 1);
    planes INTEGER := array_length(votes, 2);
    ballots BIT VARYING [] := votes;
    uncounted BIT VARYING [] := members;
    same BIT VARYING [];
    differ BIT VARYING;
BEGIN
    FOR r IN 1 .. runs LOOP
        CONTINUE WHEN bit_count(uncounted[r]) = 0;
        class := '{}';
        FOR p IN 1 .. planes LOOP
            class[p] := ballots[r][p];
        END LOOP;
        same := ARRAY[uncounted[r]];
        FOR s IN r + 1 .. runs LOOP
            differ := class[1] # ballots[s][1];
            FOR p IN 2 .. planes LOOP
                differ := differ | (class[p] # ballots[s][p]);
            END LOOP;
            -- Votes that are counted here are not counted again.
            same[s - r + 1] := uncounted[r] & uncounted[s] & ~differ;
            uncounted[s] := uncounted[s] # same[s - r + 1];
        END LOOP;
        tally := bitslice_count(same);
        RETURN NEXT;
    END LOOP;
END
$$;

-- Whichever is less work; each class stands in one row an example, or its tally there is 0.
CREATE FUNCTION bitslice_votes(votes BIT VARYING[], members BIT VARYING[], classes INTEGER)
RETURNS TABLE (class BIT VARYING[], tally BIT VARYING[])
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    planes INTEGER := array_length(votes, 2);
    everyone BIT VARYING := ~(votes[1][1] # votes[1][1]);
BEGIN
    -- Rows cost more than the bitmaps behind them: whoever reads them expands each.
    IF classes > array_length(votes, 1) THEN
        RETURN QUERY SELECT * FROM bitslice_votes_by_run(votes, members);
    ELSE
        RETURN QUERY
        SELECT bitslice_constant(everyone, part.class, planes), part.tally
        FROM bitslice_votes_by_class(votes, members, classes) AS part;
    END IF;
END
$$;

COMMENT ON FUNCTION bitslice_votes(BIT VARYING[], BIT VARYING[], INTEGER) IS
'For each example, which classes are voted for and how often, as slices.';
