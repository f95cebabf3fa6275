/* Rates and shares are integers here: whether a request is an outlier, and by how much it has
 * grown, must be the same on every machine and must not depend on which requests were asked before.
 */
#include "workloads/reshape.h"
#include "harness/base/units.h"

enum { DRAW_SHARE, DRAW_PROMPT, DRAW_OUTPUT, DRAW_VARIANT };

static int64_t draw(const struct length_spec *law, uint64_t key, uint64_t id, uint64_t what)
{
	int64_t tokens = length_at(law, prng_at(key, id, what));

	return tokens > law->max ? law->max : tokens;
}

static void keep_within_max_tokens(struct arrival *a)
{
	if (a->max_tokens && a->output_tokens > a->max_tokens)
		a->output_tokens = a->max_tokens;
}

bool reshape_outlier_apply(const struct reshape_outlier *o, struct arrival *a)
{
	int64_t prompt = a->prompt_tokens, output = a->output_tokens;

	if (!prng_ratio(prng_at(o->key, a->request_id, DRAW_SHARE), o->share_ppb, 1000000000))
		return false;
	if (o->prompt)
		a->prompt_tokens = draw(o->prompt, o->key, a->request_id, DRAW_PROMPT);
	if (o->output)
		a->output_tokens = draw(o->output, o->key, a->request_id, DRAW_OUTPUT);
	keep_within_max_tokens(a);
	return a->prompt_tokens != prompt || a->output_tokens != output;
}

bool reshape_long_apply(const struct reshape_long *l, struct arrival *a)
{
	int64_t answer = a->max_tokens ? a->max_tokens : a->output_tokens;
	int64_t prompt = l->tokens - answer;

	if (!prng_ratio(prng_at(l->key, a->request_id, DRAW_SHARE), l->share_ppb, 1000000000) ||
	        prompt <= a->prompt_tokens)
		return false;
	a->prompt_tokens = prompt;
	return true;
}

bool reshape_variant_apply(const struct reshape_variant *s, struct arrival *a)
{
	if (s->variant && s->prompt)
		a->prompt_tokens = draw(s->prompt, s->key, s->variant, DRAW_VARIANT);
	return s->variant != 0;
}

bool reshape_creep_apply(const struct reshape_creep *c, int64_t since_ns, struct arrival *a)
{
	const __int128 nano_minute = (__int128)60 * NS_PER_S * NS_PER_S;
	int64_t *tokens = c->output ? &a->output_tokens : &a->prompt_tokens;
	int64_t before = *tokens;
	__int128 grown;

	CHECK(since_ns >= 0);
	grown = before + (__int128)since_ns * (__int128)c->tokens_per_min_nano / nano_minute;
	if (grown > c->ceiling)
		grown = before > c->ceiling ? before : c->ceiling;
	*tokens = (int64_t)grown;
	keep_within_max_tokens(a);
	return *tokens != before;
}
