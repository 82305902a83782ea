-- What functions say of themselves in psql.

COMMENT ON FUNCTION bitslice_count(BIT VARYING[]) IS
'How many bitmaps of an array have each example set, as slices, least significant first.';
COMMENT ON FUNCTION bitslice_add(BIT VARYING[], BIT VARYING[]) IS
'The sum a + b of each example, as slices.';
COMMENT ON AGGREGATE bitslice_sum (VARBIT) IS
'How many bitmaps have each example set, as slices, least significant first.';
COMMENT ON AGGREGATE bitslice_sum (VARBIT []) IS
'The sum of counts of each example, as slices.';
COMMENT ON AGGREGATE bitslice_sum (VARBIT, INTEGER) IS
'How many bitmaps have each example set, as slices, each bitmap counted so many times.';
COMMENT ON FUNCTION bitslice_subtract(BIT VARYING[], BIT VARYING[]) IS
'The difference a - b of each example, as slices, where no count of b is above that of a.';
COMMENT ON FUNCTION bitslice_total(BIT VARYING[]) IS
'The counts of all examples added up.';
COMMENT ON FUNCTION bitslice_not_below(BIT VARYING[], BIT VARYING[]) IS
'The examples whose count in a is at least that in b, as a bitmap.';
COMMENT ON FUNCTION bitslice_max(BIT VARYING[], BIT VARYING[]) IS
'The larger of two counts of each example, as slices.';
COMMENT ON FUNCTION bitslice_mask(BIT VARYING[], BIT VARYING) IS
'The counts of the examples in a bitmap, and 0 for the others, as slices.';
COMMENT ON FUNCTION bitslice_never(BIT VARYING[], BIT VARYING) IS
'The numbers of the examples in a bitmap, and all ones (never) for the others, as slices.';
COMMENT ON FUNCTION bitslice_at_least(BIT VARYING[], INTEGER) IS
'The examples whose count is at least k, as a bitmap.';
COMMENT ON FUNCTION bitslice_select(BIT VARYING[], BIT VARYING[]) IS
'The k-th smallest of several values of each example, as slices; a k for each example.';
COMMENT ON FUNCTION bitslice_select(BIT VARYING[], INTEGER) IS
'The k-th smallest of several values of each example, as slices; the same k for all.';
COMMENT ON FUNCTION bitslice_groups(BIT VARYING[]) IS
'The examples that have each count, as bitmaps; one row per count that occurs.';
COMMENT ON FUNCTION bitslice_histogram(BIT VARYING[]) IS
'How many examples have each count; one row per count that occurs.';
COMMENT ON FUNCTION bitslice_value(BIT VARYING[], INTEGER) IS
'The count of one example, given by its 0-based slot in the block.';
COMMENT ON FUNCTION bitslice_history(BIT VARYING[], INTEGER[], INTEGER) IS
'What one run says of each example along its training: forgetting events, when it is learned, '
'first right and last wrong.';
COMMENT ON FUNCTION bitslice_mode(BIT VARYING[], BIT VARYING[], INTEGER) IS
'The largest number of votes that one class gets for each example, as slices; of the runs whose '
'bitmap has it set.';
COMMENT ON FUNCTION bitslice_mode(BIT VARYING[], INTEGER) IS
'The largest number of votes that one class gets for each example, as slices; of all runs.';
COMMENT ON FUNCTION unslice(BIT VARYING[]) IS
'One integer per example from slices or bit planes, in slot order.';
COMMENT ON FUNCTION poisson_binomial(DOUBLE PRECISION[]) IS
'The distribution of the number of successes of independent trials with these probabilities.';
COMMENT ON FUNCTION pearson_bimodality(DOUBLE PRECISION[]) IS
'kurtosis - skewness^2 - 1 of a histogram: 0 for two points, lower is more bimodal.';
COMMENT ON FUNCTION largest_box(INTEGER, INTEGER) IS
'Of 0 to votes balls thrown into alike boxes: the probability that no box holds more than m balls.';
COMMENT ON FUNCTION agreement_null(DOUBLE PRECISION[], DOUBLE PRECISION[]) IS
'Distribution of agreement among independent runs of these accuracies: exactly 1, 2, ... agree.';
COMMENT ON FUNCTION accuracies_match(DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION) IS
'Are two mean accuracies equal within a tolerance, 0.01 unless given (Hacohen 2020)?';
COMMENT ON FUNCTION regularized_beta(DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION) IS
'The regularized incomplete beta function I_x(a, b).';
COMMENT ON FUNCTION correlation_p_value(DOUBLE PRECISION, BIGINT) IS
'Two-sided p-value of a correlation of n pairs, by Student''s t.';
COMMENT ON FUNCTION median_interval_rank(BIGINT, DOUBLE PRECISION) IS
'The rank l for which the l-th smallest and l-th largest of n values enclose the median with this '
'confidence.';
COMMENT ON FUNCTION bitslice_tally(BIT VARYING[], INTEGER) IS
'How many examples have each count from 0 to the highest, as an array.';
COMMENT ON FUNCTION tally_total(BIGINT[]) IS
'How often each value occurs in all rows of tallies.';
COMMENT ON FUNCTION tally_select(BIGINT[], BIGINT) IS
'The k-th smallest value of tallies, k from 1.';
COMMENT ON FUNCTION tally_percentile(BIGINT[], DOUBLE PRECISION) IS
'The value of tallies below which this share of them lies, interpolated.';
COMMENT ON FUNCTION bitslice_masked_tally(BIT VARYING[], BIT VARYING[], INTEGER) IS
'For each of several sets of examples, how often each value occurs among them.';
COMMENT ON FUNCTION bitslice_convergence(BIT VARYING[], INTEGER[], INTEGER) IS
'The evaluation from which on one run predicts for each example what it predicts at the end, as '
'slices.';
COMMENT ON FUNCTION bitmap_of(INTEGER[], INTEGER) IS
'The bitmap of so many examples in which those in these 0-based slots are set.';
COMMENT ON FUNCTION cross_consistency_of(TEXT, INTEGER, TEXT, INTEGER) IS
'Tp-agreement of two ensembles merged, example by example, at any evaluation of either (Hacohen '
'2019).';
COMMENT ON FUNCTION forgetting_ranking(TEXT, TEXT) IS
'Examples from rarely to often forgotten, with a policy for those that are never learned (Toneva '
'2019).';
COMMENT ON FUNCTION bitslice_constant(BIT VARYING, INTEGER, INTEGER) IS
'One number for every example, as so many slices.';
COMMENT ON FUNCTION bitslice_of(INTEGER[]) IS
'Slices from one whole number an example, in slot order: what unslice undoes.';
COMMENT ON FUNCTION bitslice_total_of(BIT VARYING[], BIT VARYING) IS
'The counts of the examples in a bitmap added up.';
COMMENT ON FUNCTION bitslice_votes(BIT VARYING[], BIT VARYING[], INTEGER) IS
'For each example, which classes are voted for and how often, as slices.';
COMMENT ON FUNCTION bitslice_plurality(BIT VARYING[], BIT VARYING[], BIT VARYING[], INTEGER) IS
'The class that most votes of each example are for, and how many; a tie goes to the label, else to '
'the lowest class.';
COMMENT ON FUNCTION bitslice_entropy(BIT VARYING[], BIT VARYING[], INTEGER) IS
'Entropy of the predicted classes of each example in nats, in slot order (Baldock 2021).';
COMMENT ON FUNCTION cohen_kappa(BIGINT, BIGINT, BIGINT, BIGINT) IS
'Error consistency of two runs from numbers of examples: all, those each has right, those both '
'have right (Meding 2022).';
COMMENT ON FUNCTION error_consistency_between(TEXT, TEXT, INTEGER, INTEGER, BOOLEAN) IS
'Do the runs of one ensemble err on the same examples as those of another? Kappa of every pair '
'(Meding 2022).';
COMMENT ON FUNCTION induced_class_at(TEXT, INTEGER) IS
'The class that most runs predict for each example at one evaluation (Hacohen 2019).';
COMMENT ON FUNCTION mean_share(INTEGER[], INTEGER[], INTEGER[]) IS
'Mean over evaluations of the share of runs that are right, for each example in slot order.';
COMMENT ON FUNCTION rows_mean(REAL[]) IS
'Mean over the rows of an array, for each column.';
COMMENT ON FUNCTION rows_mean_apart(REAL[], BIT VARYING[]) IS
'Means over the rows of an array, for each column: over the rows whose bitmap has it not set, and '
'those that have.';
COMMENT ON FUNCTION rows_deviation(REAL[], DOUBLE PRECISION[]) IS
'Population standard deviation over the rows of an array, for each column.';
COMMENT ON FUNCTION label_error_score(
    DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION
) IS
'How much an ensemble contradicts the label of an example; NULL where it is not suspected.';
COMMENT ON FUNCTION difficulty_corner(DOUBLE PRECISION, DOUBLE PRECISION) IS
'Which of the four difficulty types an example is nearest to, by its scaled depths (Baldock 2021).';
COMMENT ON FUNCTION example_block(TEXT, INTEGER) IS
'The block that an example of an ensemble''s dataset is stored in, for views to read no other.';
