-- bitslice_not_below, bitslice_max: two counts of each example compared.
-- One without slices counts as 0; both without: NULL, and '{}' for the maximum.

-- The examples whose count in `a` is at least that in `b`.
CREATE FUNCTION bitslice_not_below(a BIT VARYING[], b BIT VARYING[])
RETURNS BIT VARYING
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    zero BIT VARYING := coalesce(a[1] # a[1], b[1] # b[1]);
    below BIT VARYING := zero;
    equal BIT VARYING := ~zero;
    differ BIT VARYING;
BEGIN
    FOR i IN REVERSE greatest(cardinality(a), cardinality(b)) .. 1 LOOP
        differ := (coalesce(a[i], zero) # coalesce(b[i], zero)) & equal;
        below := below | (differ & coalesce(b[i], zero));
        equal := equal # differ;
    END LOOP;
    RETURN ~below;
END
$$;

CREATE FUNCTION bitslice_max(a BIT VARYING[], b BIT VARYING[])
RETURNS BIT VARYING[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    longer BIT VARYING [] := a;
    shorter BIT VARYING [] := b;
    above BIT VARYING;
BEGIN
    IF cardinality(a) < cardinality(b) THEN
        longer := b;
        shorter := a;
    END IF;
    IF cardinality(shorter) = 0 THEN
        RETURN longer;
    END IF;
    above := ~bitslice_not_below(longer, shorter);
    IF bit_count(above) > 0 THEN
        -- Where `shorter` is above, the slices that it lacks are 0 in `longer` already.
        FOR i IN 1 .. cardinality(shorter) LOOP
            longer[i] := longer[i] # ((longer[i] # shorter[i]) & above);
        END LOOP;
    END IF;
    RETURN longer;
END
$$;

COMMENT ON FUNCTION bitslice_not_below(BIT VARYING[], BIT VARYING[]) IS
'The examples whose count in a is at least that in b, as a bitmap.';
COMMENT ON FUNCTION bitslice_max(BIT VARYING[], BIT VARYING[]) IS
'The larger of two counts of each example, as slices.';
