-- bitslice_mode: the largest number of votes that one class gets, for each example, as slices.
-- Source: the numerator of agreement, Hacohen 2020 s.2.
--
-- `votes` is [runs][planes]: the class that each run predicts, as bit planes, least significant
-- first. With few classes they are counted class by class, along the digits of the class: the
-- votes for the lower half of a range are those for the range less those for the upper half, so
-- that `classes` - 1 sums are enough. With many, where most get no vote, the cost must not grow
-- with their number: every run's votes are compared with those of the runs after it.

-- The votes for classes first ... first + 2^plane - 1 of which `members` are the bitmaps by run and
-- `total` the counts: the largest number for one of them.
CREATE FUNCTION bitslice_mode_by_class(
    votes BIT VARYING[],
    members BIT VARYING[],
    total BIT VARYING[],
    plane INTEGER,
    first INTEGER,
    classes INTEGER
)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    upper BIT VARYING [];
    upper_total BIT VARYING [];
    lower_total BIT VARYING [];
    lower BIT VARYING [];
    p INTEGER := plane;
BEGIN
    WHILE p > 0 AND first + (1 << (p - 1)) >= classes LOOP
        p := p - 1;
    END LOOP;
    IF p = 0 THEN
        RETURN total;
    END IF;
    FOR r IN 1 .. array_length(votes, 1) LOOP
        upper[r] := members[r] & votes[r][p];
    END LOOP;
    upper_total := bitslice_count(upper);
    lower_total := bitslice_subtract(total, upper_total);
    IF p = 1 THEN
        RETURN bitslice_max(lower_total, upper_total);
    END IF;
    FOR r IN 1 .. array_length(votes, 1) LOOP
        lower[r] := members[r] # upper[r];
    END LOOP;
    RETURN bitslice_max(
        bitslice_mode_by_class(votes, lower, lower_total, p - 1, first, classes),
        bitslice_mode_by_class(
            votes, upper, upper_total, p - 1, first + (1 << (p - 1)), classes
        )
    );
END
$$;

-- Of run r only the examples in the bitmap members[r] count, and all of all runs where `members` is
-- NULL; then one plane more of `votes`, the last, must tell members from others.
CREATE FUNCTION bitslice_mode_by_run(votes BIT VARYING[], members BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    runs INTEGER := array_length(votes, 1);
    planes INTEGER := array_length(votes, 2);
    ballots BIT VARYING [] := votes;
    everyone BIT VARYING := ~(votes[1][1] # votes[1][1]);
    best BIT VARYING [] := '{}';
    same BIT VARYING [];
    counts BIT VARYING [];
    differ BIT VARYING;
    undecided BIT VARYING;
BEGIN
    FOR r IN 1 .. runs LOOP
        -- Classes that no run before this one voted for can have no more than the votes left.
        undecided := ~bitslice_at_least(best, runs - r + 1);
        EXIT WHEN bit_count(undecided) = 0;
        same := ARRAY[everyone];
        FOR s IN r + 1 .. runs LOOP
            differ := ballots[r][1] # ballots[s][1];
            FOR p IN 2 .. planes LOOP
                differ := differ | (ballots[r][p] # ballots[s][p]);
            END LOOP;
            same[s - r + 1] := ~differ;
        END LOOP;
        counts := bitslice_count(same);
        IF members IS NOT NULL THEN
            counts := bitslice_mask(counts, members[r]);
        END IF;
        best := bitslice_max(best, counts);
    END LOOP;
    RETURN best;
END
$$;

-- Of run r only the examples in the bitmap members[r] count, all of them where it is NULL. 0 for an
-- example that no run counts.
CREATE FUNCTION bitslice_mode(votes BIT VARYING[], members BIT VARYING[], classes INTEGER)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000000
AS $$
DECLARE
    runs INTEGER := array_length(votes, 1);
    planes INTEGER := array_length(votes, 2);
    ballots BIT VARYING [] := votes;
    counting BIT VARYING [];
    with_members BIT VARYING [];
BEGIN
    FOR r IN 1 .. runs LOOP
        counting[r] := coalesce(members[r], ballots[r][1] | ~ballots[r][1]);
    END LOOP;
    IF 6 * (classes - 1) <= runs * (planes + 3) THEN
        RETURN bitslice_mode_by_class(
            ballots, counting, bitslice_count(counting), planes, 0, classes
        );
    END IF;
    with_members := array_fill(counting[1], ARRAY[runs, planes + 1]);
    FOR r IN 1 .. runs LOOP
        FOR p IN 1 .. planes LOOP
            with_members[r][p] := ballots[r][p];
        END LOOP;
        with_members[r][planes + 1] := counting[r];
    END LOOP;
    RETURN bitslice_mode_by_run(with_members, counting);
END
$$;

-- All examples of all runs count.
CREATE FUNCTION bitslice_mode(votes BIT VARYING[], classes INTEGER)
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000000
AS $$
DECLARE
    runs INTEGER := array_length(votes, 1);
    planes INTEGER := array_length(votes, 2);
    everyone BIT VARYING;
    ballots BIT VARYING [] := votes;
BEGIN
    IF coalesce(cardinality(votes), 0) = 0 THEN
        RETURN '{}';
    END IF;
    -- Operations for each run: six a class, or two a plane and six, for half of the other runs.
    IF 6 * (classes - 1) > runs * (planes + 3) THEN
        RETURN bitslice_mode_by_run(ballots, NULL);
    END IF;
    everyone := ~(ballots[1][1] # ballots[1][1]);
    RETURN bitslice_mode_by_class(
        ballots,
        array_fill(everyone, ARRAY[runs]),
        bitslice_count(array_fill(everyone, ARRAY[runs])),
        planes,
        0,
        classes
    );
END
$$;

COMMENT ON FUNCTION bitslice_mode(BIT VARYING[], BIT VARYING[], INTEGER) IS
'The largest number of votes that one class gets for each example, as slices; of the runs whose '
'bitmap has it set.';
COMMENT ON FUNCTION bitslice_mode(BIT VARYING[], INTEGER) IS
'The largest number of votes that one class gets for each example, as slices; of all runs.';
