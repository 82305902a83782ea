-- difficulty_corner: which of the four difficulty types an example is nearest to
-- Source: Baldock 2021 s.4.
--
-- Both depths from 0 (the least of all examples) to 1 (the most); 0.5 is low. NULL where one is.

CREATE FUNCTION difficulty_corner(held_out DOUBLE PRECISION, trained_on DOUBLE PRECISION)
RETURNS TEXT
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN held_out <= 0.5 AND trained_on <= 0.5 THEN 'easy'
        WHEN held_out <= 0.5 THEN 'looks_like_a_different_class'
        WHEN trained_on <= 0.5 THEN 'ambiguous_unless_the_label_is_given'
        ELSE 'ambiguous'
    END
$$;

COMMENT ON FUNCTION difficulty_corner(DOUBLE PRECISION, DOUBLE PRECISION) IS
'Which of the four difficulty types an example is nearest to, by its scaled depths (Baldock 2021).';
