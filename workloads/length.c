/* Token counts by their quantile functions.
 *
 * A law is turned around once, at the parse, and a draw is then a look at where a uniform number
 * falls. That costs one number a length, whatever the law, so streams never get out of step, and
 * the same function serves sequential draws (traffic) and counter-based ones (faults of the family
 * shape).
 *
 * Lognormal: ln of the length is normal with mean ln(median); p99 fixes the deviation, since
 * p99 = median * exp(sigma * z(0.99)). A length is ceil(median * exp(sigma * z(u))): rounded up,
 * never 0.
 *
 * Uniform draws are made in integers (multiply-shift), empirical ones by binary search among the
 * cumulated weights in units of 2^-64. What lies above the cap is returned as cap + 1, so that the
 * caller can tell a clip from a length that happens to meet the cap. */
#include "workloads/length.h"
#include "harness/base/mathx.h"

#include <string.h>

static const char *const DISTS[] = {"constant", "uniform", "lognormal", "empirical", NULL};

/* What each law may say; `dist` is repeated because a table names every key of its object. */
struct length_keys {
	int dist;
	double value, median, p99;
	int64_t min, max;
	struct jval values, weights;
};

#define KEY(member, kind, ...)                                                                     \
	{                                                                                          \
		.name = #member, .type = kind, .offset = offsetof(struct length_keys, member),     \
		__VA_ARGS__                                                                        \
	}
#define KEY_DIST KEY(dist, FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = DISTS)
#define KEY_REAL(member)                                                                           \
	KEY(member, FIELD_REAL, .flags = FIELD_REQUIRED | FIELD_EXCLUSIVE_MIN, .unit = "tokens",   \
	        .rmax = (double)LENGTH_TOKENS_MAX)
#define KEY_TOKENS(member, ...)                                                                    \
	KEY(member, FIELD_INT, .min = 1, .max = LENGTH_TOKENS_MAX, .unit = "tokens", __VA_ARGS__)

static const struct field CONSTANT_KEYS[] = {
        KEY_DIST,
        KEY_REAL(value),
        KEY_TOKENS(max, .fallback = "16777216"),
};
static const struct field UNIFORM_KEYS[] = {
        KEY_DIST,
        KEY_TOKENS(min, .flags = FIELD_REQUIRED),
        KEY_TOKENS(max, .flags = FIELD_REQUIRED),
};
static const struct field LOGNORMAL_KEYS[] = {
        KEY_DIST,
        KEY_REAL(median),
        KEY_REAL(p99),
        KEY_TOKENS(max, .fallback = "16777216"),
};
static const struct field EMPIRICAL_KEYS[] = {
        KEY_DIST,
        KEY(values, FIELD_ARRAY, .flags = FIELD_REQUIRED),
        KEY(weights, FIELD_ARRAY),
        KEY_TOKENS(max, .fallback = "16777216"),
};

static const struct {
	const struct field *fields;
	size_t n;
} KEYS[] = {
        [LENGTH_CONSTANT] = {CONSTANT_KEYS, ARRAY_LEN(CONSTANT_KEYS)},
        [LENGTH_UNIFORM] = {UNIFORM_KEYS, ARRAY_LEN(UNIFORM_KEYS)},
        [LENGTH_LOGNORMAL] = {LOGNORMAL_KEYS, ARRAY_LEN(LOGNORMAL_KEYS)},
        [LENGTH_EMPIRICAL] = {EMPIRICAL_KEYS, ARRAY_LEN(EMPIRICAL_KEYS)},
};

static enum status read_list(struct jval list, const char *what, double most, bool zero_allowed,
        double *out, struct error *err)
{
	struct jval e = json_first(list);

	for (size_t i = 0; e.item; e = json_next(e), i++) {
		if (json_type(e) != JSON_NUMBER)
			return json_expected(e, err, "%s", what);
		if (json_real(e, &out[i], err) != ERR_NONE)
			return err->code;
		if (!(out[i] <= most && (zero_allowed ? out[i] >= 0 : out[i] > 0)))
			return json_expected(e, err, "%s", what);
	}
	return ERR_NONE;
}

/* 2^64 * x as an integer, x in [0, 1]. */
static uint64_t share_of_word(double x)
{
	return x >= 1 ? UINT64_MAX : (uint64_t)(x * 0x1p64);
}

static enum status parse_empirical(const struct length_keys *keys, struct arena *arena,
        struct length_spec *law, struct error *err)
{
	size_t n = json_count(keys->values);
	double *values, *weights, sum = 0, so_far = 0;
	int64_t *tokens;
	uint64_t *upto;

	if (n == 0 || n > LENGTH_VALUES_MAX)
		return json_expected(keys->values, err, "a list of 1 to %d token counts",
		        (int)LENGTH_VALUES_MAX);
	if (json_type(keys->weights) == JSON_ARRAY && json_count(keys->weights) != n)
		return json_error(keys->weights, err,
		        "expected %zu weights, one a value, found %zu", n,
		        json_count(keys->weights));
	values = ARENA_ARRAY(arena, double, n);
	weights = ARENA_ARRAY(arena, double, n);
	tokens = ARENA_ARRAY(arena, int64_t, n);
	upto = ARENA_ARRAY(arena, uint64_t, n);
	for (size_t i = 0; i < n; i++)
		weights[i] = 1;
	if (read_list(keys->values, "a token count above 0 and at most 16777216",
	            (double)LENGTH_TOKENS_MAX, false, values, err) != ERR_NONE)
		return err->code;
	if (read_list(keys->weights, "a weight from 0 to 1e12", 1e12, true, weights, err) !=
	        ERR_NONE)
		return err->code;
	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	if (!(sum > 0))
		return json_expected(keys->weights, err, "weights with a sum above 0");
	for (size_t i = 0; i < n; i++) {
		so_far += weights[i];
		tokens[i] = (int64_t)mathx_ceil(values[i]);
		upto[i] = share_of_word(so_far / sum);
	}
	law->n = (uint32_t)n;
	law->values = tokens;
	law->weights = weights;
	law->upto = upto;
	return ERR_NONE;
}

static enum status parse_lognormal(
        struct jval v, struct arena *arena, struct length_spec *law, struct error *err)
{
	if (law->p99 < law->median)
		return json_expected(json_get(v, "p99"), err, "a p99 of at least the median");
	if (law->p99 > law->median * 1e6)
		return json_expected(json_get(v, "p99"), err, "a p99 of at most 10^6 medians");
	lognormal_init(&law->curve, law->median, law->p99, arena);
	return ERR_NONE;
}

enum status length_parse(
        struct jval v, struct arena *arena, struct length_spec *out, struct error *err)
{
	struct length_keys keys;
	int dist;

	memset(&keys, 0, sizeof(keys));
	memset(out, 0, sizeof(*out));
	if (json_choice(v, "dist", DISTS, &dist, err) != ERR_NONE)
		return err->code;
	if (json_read(v, KEYS[dist].fields, KEYS[dist].n, &keys, err) != ERR_NONE)
		return err->code;
	out->dist = (enum length_dist)dist;
	out->value = (int64_t)mathx_ceil(keys.value);
	out->min = keys.min;
	out->max = keys.max;
	out->median = keys.median;
	out->p99 = keys.p99;
	if (dist == LENGTH_UNIFORM && out->max < out->min)
		return json_expected(json_get(v, "max"), err, "a max of at least the min");
	if (dist == LENGTH_LOGNORMAL)
		return parse_lognormal(v, arena, out, err);
	if (dist == LENGTH_EMPIRICAL)
		return parse_empirical(&keys, arena, out, err);
	return ERR_NONE;
}

void length_canonical(const struct length_spec *law, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	json_out_str(o, "dist", DISTS[law->dist]);
	json_out_i64(o, "max", law->max);
	if (law->dist == LENGTH_LOGNORMAL)
		json_out_real(o, "median", law->median);
	if (law->dist == LENGTH_UNIFORM)
		json_out_i64(o, "min", law->min);
	if (law->dist == LENGTH_LOGNORMAL)
		json_out_real(o, "p99", law->p99);
	if (law->dist == LENGTH_CONSTANT)
		json_out_i64(o, "value", law->value);
	if (law->dist == LENGTH_EMPIRICAL) {
		json_out_open(o, "values", '[');
		for (uint32_t i = 0; i < law->n; i++)
			json_out_i64(o, NULL, law->values[i]);
		json_out_close(o);
		json_out_open(o, "weights", '[');
		for (uint32_t i = 0; i < law->n; i++)
			json_out_real(o, NULL, law->weights[i]);
		json_out_close(o);
	}
	json_out_close(o);
}

/* The first value whose share reaches beyond u. */
static int64_t empirical_at(const struct length_spec *law, uint64_t u)
{
	uint32_t lo = 0, hi = law->n - 1;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (law->upto[mid] > u)
			hi = mid;
		else
			lo = mid + 1;
	}
	return law->values[lo];
}

/* Mostly the estimate is far enough from a whole number to say which one it rounds up to. */
int64_t length_in_tail(const struct length_spec *law, uint64_t u)
{
	double near, off;

	if (lognormal_tail_near(&law->curve, u, &near, &off)) {
		int64_t least = length_whole(near - off, law->max);

		if (least == length_whole(near + off, law->max))
			return least;
	}
	return length_whole(lognormal_tail(&law->curve, u), law->max);
}

int64_t length_at(const struct length_spec *law, uint64_t u)
{
	int64_t tokens = law->value;

	switch (law->dist) {
	case LENGTH_LOGNORMAL:
		return length_draw(law, u);
	case LENGTH_UNIFORM:
		return law->min + (int64_t)prng_below(u, (uint64_t)(law->max - law->min) + 1);
	case LENGTH_EMPIRICAL:
		tokens = empirical_at(law, u);
		break;
	case LENGTH_CONSTANT:
		break;
	}
	return tokens > law->max ? law->max + 1 : tokens;
}

bool length_is_random(const struct length_spec *law)
{
	switch (law->dist) {
	case LENGTH_UNIFORM:
		return law->max > law->min;
	case LENGTH_LOGNORMAL:
		return law->p99 > law->median;
	case LENGTH_EMPIRICAL:
		return law->n > 1;
	case LENGTH_CONSTANT:
		break;
	}
	return false;
}

void length_start(struct length_state *s, const struct length_spec *law, struct prng stream)
{
	s->law = law;
	s->stream = stream;
	s->used = LENGTH_BLOCK;
}

void length_refill(struct length_state *s)
{
	for (int i = 0; i < LENGTH_BLOCK; i++) {
		uint64_t u = prng_next(&s->stream);

		s->block[i] = length_draw(s->law, u);
	}
	s->used = 0;
}
