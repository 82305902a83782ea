-- unslice: from slices (or bit planes) to one integer per example, in slot order.
-- '{}' for no slices. Take the value of an example as (unslice(slices))[slot + 1].
-- Counts and classes above 2^31 - 1 do not occur; slices that are absent count as 0.

CREATE FUNCTION unslice(slices BIT VARYING[])
RETURNS INTEGER[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    size INTEGER := coalesce(length(slices[1]), 0);
    low INTEGER [];
BEGIN
    -- Constant subscripts are what makes this quick, so eight slices are written out.
    low := ARRAY(
        SELECT
            get_bit(slices[1], slot)
            + coalesce(get_bit(slices[2], slot), 0) * 2
            + coalesce(get_bit(slices[3], slot), 0) * 4
            + coalesce(get_bit(slices[4], slot), 0) * 8
            + coalesce(get_bit(slices[5], slot), 0) * 16
            + coalesce(get_bit(slices[6], slot), 0) * 32
            + coalesce(get_bit(slices[7], slot), 0) * 64
            + coalesce(get_bit(slices[8], slot), 0) * 128
        FROM generate_series(0, size - 1) AS slot
    );
    IF cardinality(slices) <= 8 THEN
        RETURN low;
    END IF;
    RETURN ARRAY(
        SELECT low_value + high_value * 256
        FROM unnest(low, unslice(slices[9:])) AS pair (low_value, high_value)
    );
END
$$;
