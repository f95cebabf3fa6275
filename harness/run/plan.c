/* The canonical plan is written from the parsed structures, never from the text: two files that
 * mean the same have the same digest, and a default that is written out changes nothing. Sections
 * write themselves; the top level is written here in the order of its sorted keys.
 *
 * The bundle is the other form. It is not canonical at all: it is the documents as they were read,
 * edits applied, and whoever gets it reads them again. Rebuilding from the canonical plan would
 * need a second parser for every section, and a second parser is a second meaning. */
#include "harness/run/plan.h"

#include <string.h>
#include "harness/base/units.h"
#include "harness/run/capture_plan.h"
#include "harness/run/edit.h"

static void write_target(const struct target_url *t, struct json_out *o)
{
	if (!t->url) {
		json_out_str(o, "target", "emulator");
		return;
	}
	json_out_open(o, "target", '{');
	json_out_str(o, "model", t->model);
	json_out_str(o, "url", t->url);
	json_out_close(o);
}

void plan_canonical(struct scenario *s)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	score_rules_canonical(&s->rules, &s->names, &o);
	if (s->has_deployment)
		deployment_canonical(&s->deployment, &o, "deployment");
	json_out_i64(&o, "drain_ns", s->drain_ns);
	json_out_i64(&o, "duration_ns", s->duration_ns);
	fault_plan_canonical(&s->faults, &s->targets, &o, "faults");
	fault_limits_canonical(&s->faults.limits, &o, "limits");
	if (s->mirror.given) { /* it can decide what an expectation says */
		json_out_i64(&o, "mirror_every", s->mirror.every);
		json_out_i64(&o, "mirror_frames", s->mirror.frames);
	}
	json_out_str(&o, "name", s->name);
	json_out_open(&o, "recovery", '{');
	json_out_i64(&o, "hold_ns", s->recovery_hold_ns);
	json_out_i64(&o, "horizon_ns", s->recovery_horizon_ns);
	json_out_close(&o);
	json_out_u64(&o, "seed", s->seed);
	if (s->survive != SURVIVE_NONE)
		json_out_str(&o, "survive", survive_names[s->survive]);
	write_target(&s->target, &o);
	traffic_canonical(&s->traffic, &o, "traffic");
	json_out_i64(&o, "version", 1);
	json_out_i64(&o, "warmup_ns", s->warmup_ns);
	json_out_close(&o);
	s->plan_json = arena_strndup(&s->arena, o.buf, o.n);
	sha256_of(o.buf, o.n, s->plan_digest);
	json_out_free(&o);
}

char *scenario_bundle(const struct scenario *s, size_t *n)
{
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "file", s->file);
	json_out_value(&o, "scenario", json_root(s->document), false);
	files_write(s->files, &o);
	json_out_close(&o);
	*n = o.n;
	return o.buf;
}

/* A bundle's scenario as a document and the set of what it names; both are the caller's if it is
 * well. A bundle may come from anybody (an evidence pack). */
static enum status unbundle(const char *bundle, size_t n, struct json **document,
        struct file_set **files, struct error *err)
{
	struct json *outer;
	struct jval root;
	const char *file;
	enum status rc;

	if (json_parse("plan", bundle, n, &outer, err))
		return err->code;
	root = json_root(outer);
	file = json_string(json_get(root, "file"));
	*files = files_new(true);
	if (!file || json_type(json_get(root, "scenario")) != JSON_OBJECT)
		rc = json_expected(root, err, "the bundle of a scenario");
	else
		rc = files_restore(*files, root, err);
	if (!rc)
		rc = files_unwrap(file, json_get(root, "scenario"), document, err);
	if (rc)
		files_free(*files);
	json_free(outer);
	return rc;
}

enum status scenario_from_plan(
        const char *bundle, size_t n, struct scenario **out, struct error *err)
{
	struct json *document = NULL;
	struct file_set *files = NULL;

	if (unbundle(bundle, n, &document, &files, err))
		return err->code;
	return scenario_build(document, files, out, err);
}

enum status scenario_variant(const struct scenario *s, const struct scenario_edit *edits,
        uint32_t n, struct scenario **out, struct error *err)
{
	struct json *document = NULL;
	struct file_set *files = NULL;
	size_t bytes;
	char *bundle = scenario_bundle(s, &bytes);
	enum status rc = unbundle(bundle, bytes, &document, &files, err);

	mem_free(bundle);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < n && !rc; i++)
		rc = edit_put(document, edits[i].path, edits[i].value, "sweep", files, err);
	if (!rc)
		return scenario_build(document, files, out, err);
	json_free(document);
	files_free(files);
	return rc;
}

/* --- the pass over the traffic ----------------------------------------------------------- */

static bool listed(const char *name, const char *const *list, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return n == 0;
}

static bool accepts(const struct pool_spec *pool, const struct tenant_spec *tenant, int64_t tokens)
{
	return listed(tenant->tier, pool->tiers, pool->n_tiers) &&
	       listed(tenant->name, pool->tenants, pool->n_tenants) &&
	       (pool->min_tokens == 0 || tokens >= pool->min_tokens) &&
	       (pool->max_tokens == 0 || tokens <= pool->max_tokens);
}

bool plan_place_from(
        const struct scenario *s, const struct arrival *a, uint32_t first, struct plan_place *out)
{
	int64_t limit = scenario_max_tokens(s, a);
	const struct tenant_spec *tenant = &s->traffic.tenants[a->tenant];

	for (uint32_t p = first; p < s->deployment.n_pools; p++) {
		const struct pool_spec *pool = &s->deployment.pools[p];
		int64_t largest = pool->buckets[pool->n_buckets - 1].max_seq, kept = limit;
		uint32_t b = 0;

		if (!accepts(pool, tenant, a->prompt_tokens + limit))
			continue;
		if (pool->oversize == OVERSIZE_TRUNCATE && a->prompt_tokens < largest)
			kept = min_i64(limit, largest - a->prompt_tokens);
		while (b < pool->n_buckets && a->prompt_tokens + kept > pool->buckets[b].max_seq)
			b++;
		if (b == pool->n_buckets && pool->oversize == OVERSIZE_ROUTE)
			continue;
		if (b == pool->n_buckets)
			return false;
		*out = (struct plan_place){.pool = p,
		        .bucket = b,
		        .prefill = ceil_div_i64(a->prompt_tokens, pool->buckets[b].ppf),
		        .decode = min_i64(a->output_tokens, kept) - 1};
		return true;
	}
	return false;
}

bool plan_place(const struct scenario *s, const struct arrival *a, struct plan_place *out)
{
	return plan_place_from(s, a, 0, out);
}

/* Puts one request on the books of the bucket that would hold it. */
static bool place(const struct scenario *s, const struct arrival *a, struct plan_traffic *out)
{
	struct plan_place at;

	if (!plan_place(s, a, &at))
		return false;
	out->buckets[at.pool][at.bucket].requests++;
	out->buckets[at.pool][at.bucket].frames += (unsigned __int128)(at.prefill + at.decode);
	return true;
}

static void fill_rho(const struct scenario *s, struct plan_traffic *out)
{
	for (uint32_t p = 0; p < s->deployment.n_pools; p++) {
		const struct pool_spec *pool = &s->deployment.pools[p];

		for (uint32_t b = 0; b < pool->n_buckets; b++) {
			double room =
			        (double)s->duration_ns * pool->buckets[b].slots * pool->n_instances;

			out->buckets[p][b].rho = (double)out->buckets[p][b].frames *
			                         (double)pool->buckets[b].frame_ns / room;
		}
	}
}

void plan_fold_all(struct lanes *l, const struct scenario *s, const struct arrival *a, uint32_t n)
{
	enum { MOST = 64 };
	uint64_t word[MOST * PLAN_FOLD_WORDS];

	while (n) {
		uint32_t part = n < MOST ? n : MOST;

		for (uint32_t i = 0; i < part; i++)
			plan_fold_words(s, &a[i], word + (size_t)i * PLAN_FOLD_WORDS);
		lanes_add_words(l, word, (size_t)part * PLAN_FOLD_WORDS);
		a += part;
		n -= part;
	}
}

enum status plan_traffic(const struct scenario *s, struct plan_traffic *out, struct error *err)
{
	struct traffic *traffic;
	struct arrival a;
	struct lanes lanes;
	bool more;

	memset(out, 0, sizeof(*out));
	lanes_init(&lanes);
	if (traffic_open(&s->traffic, s->seed, s->duration_ns, &s->traces, &traffic, err))
		return err->code;
	while (traffic_next(traffic, &a, &more, err) == ERR_NONE && more) {
		plan_fold(&lanes, s, &a);
		if (s->has_deployment && !place(s, &a, out))
			out->unplaced++;
	}
	out->counts = traffic_counts(traffic);
	traffic_close(traffic);
	lanes_final(&lanes, out->digest);
	fill_rho(s, out);
	return err->code;
}

/* --- plan --json --------------------------------------------------------------------------- */

static void write_traffic(
        const struct scenario *s, const struct plan_traffic *t, struct json_out *o)
{
	json_out_open(o, "requests", '{');
	json_out_u64(o, "total", t->counts.emitted);
	json_out_u64(o, "clipped_prompt", t->counts.clipped_prompt);
	json_out_u64(o, "clipped_output", t->counts.clipped_output);
	json_out_u64(o, "unplaced", t->unplaced);
	json_out_open(o, "by_traffic", '{');
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++)
		json_out_u64(o, s->traffic.tenants[i].name, t->counts.emitted_by_tenant[i]);
	json_out_close(o);
	json_out_close(o);
	if (t->counts.trace.rows_read == 0)
		return;
	json_out_open(o, "trace", '{');
	json_out_u64(o, "rows_read", t->counts.trace.rows_read);
	json_out_u64(o, "emitted", t->counts.trace.emitted);
	json_out_open(o, "dropped", '{');
	for (int i = 0; i < TRACE_DROPS; i++)
		json_out_u64(o, trace_drop_name((enum trace_drop)i), t->counts.trace.dropped[i]);
	json_out_close(o);
	json_out_close(o);
}

enum { BEGINS_SHOWN = 100 };

/* The drawn begins of a fault, the first hundred of them. */
static void write_begins(const struct scenario *s, const struct fault_spec *f, struct json_out *o)
{
	struct prng stream = f->every.stream;
	int64_t at = f->at_ns;

	json_out_open(o, "inject_all_ns", '[');
	for (uint32_t i = 0; i < BEGINS_SHOWN && at < s->duration_ns; i++) {
		json_out_i64(o, NULL, at);
		at = recurrence_next(&f->every, &stream, at, f->for_ns);
	}
	json_out_close(o);
}

static void write_faults(const struct scenario *s, struct json_out *o)
{
	json_out_open(o, "faults", '[');
	for (uint32_t i = 0; i < s->faults.n; i++) {
		const struct fault_spec *f = &s->faults.faults[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "id", f->id);
		json_out_str(o, "kind", f->kind->name);
		json_out_str(o, "target", f->target);
		if (f->at_ns == NS_NEVER)
			json_out_null(o, "inject_ns");
		else
			json_out_i64(o, "inject_ns", f->at_ns);
		if (f->every.law != RECUR_NEVER)
			json_out_i64(o, "every_ns", f->every.mean_ns);
		if (recurrence_is_drawn(&f->every))
			write_begins(s, f, o);
		if (f->for_ns == NS_NEVER)
			json_out_null(o, "for_ns");
		else
			json_out_i64(o, "for_ns", f->for_ns);
		json_out_close(o);
	}
	json_out_close(o);
}

static void write_pools(const struct scenario *s, const struct plan_traffic *t, struct json_out *o)
{
	json_out_open(o, "pools", '[');
	for (uint32_t p = 0; p < s->deployment.n_pools; p++) {
		const struct pool_spec *pool = &s->deployment.pools[p];

		json_out_open(o, NULL, '{');
		json_out_str(o, "name", pool->name);
		json_out_u64(o, "instances", pool->n_instances);
		json_out_open(o, "buckets", '[');
		for (uint32_t b = 0; b < pool->n_buckets; b++) {
			json_out_open(o, NULL, '{');
			json_out_i64(o, "max_seq", pool->buckets[b].max_seq);
			json_out_i64(o, "frame_ns", pool->buckets[b].frame_ns);
			json_out_u64(o, "slots", pool->buckets[b].slots);
			json_out_i64(o, "prefill_tokens_per_frame", pool->buckets[b].ppf);
			json_out_u64(o, "requests", t->buckets[p][b].requests);
			json_out_real(o, "rho", t->buckets[p][b].rho);
			json_out_close(o);
		}
		json_out_close(o);
		json_out_close(o);
	}
	json_out_close(o);
}

static void write_capture(const struct capture_plan *capture, struct json_out *o)
{
	if (!capture->every) {
		json_out_null(o, "mirror");
		return;
	}
	json_out_open(o, "mirror", '{');
	json_out_u64(o, "every", capture->every);
	json_out_u64(o, "frames", capture->frames);
	json_out_close(o);
}

void plan_write(const struct scenario *s, const struct plan_traffic *t,
        const struct capture_plan *capture, struct json_out *o)
{
	char text[DIGEST_TEXT_MAX];

	json_out_open(o, NULL, '{');
	json_out_str(o, "schema", "lpuchaos.plan/1");
	json_out_str(o, "scenario", s->name);
	json_out_str(o, "file", s->file);
	json_out_u64(o, "seed", s->seed);
	json_out_str(o, "plan_digest", digest_text(s->plan_digest, text));
	json_out_str(o, "traffic_digest", digest_text(t->digest, text));
	json_out_i64(o, "duration_ns", s->duration_ns);
	json_out_i64(o, "warmup_ns", s->warmup_ns);
	json_out_i64(o, "drain_ns", s->drain_ns);
	write_traffic(s, t, o);
	write_pools(s, t, o);
	write_faults(s, o);
	write_capture(capture, o);
	json_out_open(o, "warnings", '[');
	for (uint32_t i = 0; i < s->n_warnings; i++)
		json_out_str(o, NULL, s->warnings[i]);
	json_out_close(o);
	json_out_raw(o, "plan", s->plan_json);
	json_out_close(o);
}
