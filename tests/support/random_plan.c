/* A plan grows by one fault (or one group of faults) at a time, and each time the whole scenario is
 * read by the program's own parser: what it refuses is taken back. So nothing here has to know
 * which parameters go together, and the share that is refused is known. */
#include "tests/support/random_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults/catalogue.h"
#include "harness/base/units.h"
#include "harness/run/swarm_draw.h"
#include "tests/support/rounds.h"

enum { FAULTS_MAX = 8, UNIT_MAX = 3 };

static const int64_t DURATION_NS = 8 * NS_PER_S;

struct drawer {
	struct swarm_drawer draw;
	unsigned flags;
	const char *kinds;
	struct scenario *base; /* without faults */
	struct json_out head;  /* the scenario up to its faults, without the closing brace */
	struct json_out faults[FAULTS_MAX + UNIT_MAX];
	char after[FAULTS_MAX + UNIT_MAX][8]; /* their ids */
	unsigned n, n_ids;
};

/* A table's scalars, each with the given chance. */
static void out_table(struct drawer *d, struct json_out *o, const char *object, unsigned percent)
{
	struct field_table tables[DEPLOYMENT_TABLES];

	deployment_tables(tables);
	for (size_t t = 0; t < DEPLOYMENT_TABLES; t++)
		for (size_t i = 0; strcmp(tables[t].object, object) == 0 && i < tables[t].n; i++) {
			const struct field *f = &tables[t].fields[i];

			if (f->type <= FIELD_DURATION || f->type == FIELD_PERCENT ||
			        f->type == FIELD_ENUM)
				if (swarm_chance(&d->draw, percent))
					swarm_out_field(&d->draw, o, f, (struct jval){0});
		}
}

/* --- the deployment
 * -------------------------------------------------------------------------------- */

static void out_number(struct json_out *o, const char *key, double value, const char *unit)
{
	json_out_open(o, key, '{');
	json_out_real(o, "value", value);
	json_out_str(o, "unit", unit);
	json_out_str(o, "label", "assumption");
	json_out_str(o, "source", "test");
	json_out_close(o);
}

static void out_bucket(struct json_out *o, int64_t max_seq, uint64_t frame_ms, uint64_t slots)
{
	json_out_open(o, NULL, '{');
	json_out_i64(o, "max_seq", max_seq);
	swarm_out_duration(o, "frame", (int64_t)frame_ms * NS_PER_MS);
	json_out_u64(o, "slots", slots);
	json_out_i64(o, "prefill_tokens_per_frame", 64);
	json_out_close(o);
}

static void out_admission(struct drawer *d, struct json_out *o)
{
	const char *policy =
	        SWARM_PICK(&d->draw, "none", "none", "token_budget", "request_count", "queue_cap");

	json_out_open(o, "admission", '{');
	json_out_str(o, "policy", policy);
	if (strcmp(policy, "token_budget") == 0)
		swarm_out_duration(
		        o, "limit", (int64_t)(1 + swarm_below(&d->draw, 2000)) * NS_PER_MS);
	else if (strcmp(policy, "none") != 0)
		json_out_u64(o, "limit", 1 + swarm_below(&d->draw, 30));
	if (swarm_chance(&d->draw, 15))
		json_out_u64(o, "tenant_rate", 1 + swarm_below(&d->draw, 40));
	json_out_close(o);
}

/* Instances of one or two nodes, over C2C or Ethernet, overlapping or not. */
static unsigned out_nodes(struct drawer *d, struct json_out *o, unsigned racks)
{
	static const char *const two[][2] = {{"r0.n0", "r0.n1"}, {"r0.n1", "r1.n0"},
	        {"r1.n1", "r1.n2"}, {"r0.n2", "r0.n3"}, {"r0.n3", "r0.n4"}};
	unsigned n = 1 + (unsigned)swarm_below(&d->draw, 3),
	         per = 1 + (unsigned)swarm_below(&d->draw, 2);

	json_out_open(o, "nodes", '[');
	for (unsigned i = 0; i < n; i++) {
		size_t k = racks > 1 ? swarm_below(&d->draw, ARRAY_LEN(two)) : i ? 3 + i % 2 : 0;

		json_out_open(o, NULL, '[');
		for (unsigned j = 0; j < per; j++)
			json_out_str(o, NULL, two[k][j]);
		json_out_close(o);
	}
	json_out_close(o);
	return n;
}

static void out_pool(struct drawer *d, struct json_out *o, const char *name, unsigned racks)
{
	uint64_t buckets = 1 + swarm_below(&d->draw, 2), frame = 2 + swarm_below(&d->draw, 8);
	unsigned instances = 1 + (unsigned)swarm_below(&d->draw, 4);

	json_out_open(o, NULL, '{');
	json_out_str(o, "name", name);
	json_out_open(o, "buckets", '[');
	out_bucket(o, buckets > 1 ? 512 : 4096, frame, 1 + swarm_below(&d->draw, 7));
	if (buckets > 1)
		out_bucket(o, 4096, frame + swarm_below(&d->draw, 9), 1 + swarm_below(&d->draw, 7));
	json_out_close(o);
	if (swarm_chance(&d->draw, 60))
		instances = out_nodes(d, o, racks);
	else
		json_out_u64(o, "instances", instances);
	json_out_str(o, "entry",
	        SWARM_PICK(
	                &d->draw, "phase", "phase", "frame", buckets > 1 ? "frame" : "immediate"));
	out_admission(d, o);
	if (swarm_chance(&d->draw, 25))
		json_out_str(o, "on_loss", "fail");
	json_out_str(o, "overflow", SWARM_PICK(&d->draw, "none", "next"));
	json_out_str(o, "oversize", SWARM_PICK(&d->draw, "reject", "reject", "truncate", "route"));
	if (swarm_chance(&d->draw, 20)) {
		json_out_open(o, "degraded", '{');
		json_out_u64(o, "below", 1 + swarm_below(&d->draw, instances));
		json_out_open(o, "shed", '[');
		json_out_str(o, NULL, "y");
		json_out_close(o);
		json_out_close(o);
	}
	if (swarm_chance(&d->draw, 15))
		json_out_bool(o, "pinned", true);
	if (swarm_chance(&d->draw, 15))
		json_out_str(o, "ops_policy", SWARM_PICK(&d->draw, "fallback", "refuse"));
	if (swarm_chance(&d->draw, 40)) {
		json_out_open(o, "rollout", '{');
		json_out_u64(o, "canary", swarm_below(&d->draw, instances + 1));
		swarm_out_duration(
		        o, "check", (int64_t)(1 + swarm_below(&d->draw, 1500)) * NS_PER_MS);
		swarm_out_duration(o, "rollback", (int64_t)swarm_below(&d->draw, 500) * NS_PER_MS);
		json_out_close(o);
	}
	if (swarm_chance(&d->draw, 8))
		swarm_out_duration(
		        o, "batch_window", (int64_t)swarm_below(&d->draw, 50) * NS_PER_MS);
	json_out_close(o);
}

static bool has_table(const char *object)
{
	struct field_table tables[DEPLOYMENT_TABLES];

	deployment_tables(tables);
	for (size_t t = 0; t < DEPLOYMENT_TABLES; t++)
		if (strcmp(tables[t].object, object) == 0)
			return true;
	return false;
}

static void out_sections(struct drawer *d, struct json_out *o)
{
	static const char *const sections[] = {
	        "health", "power", "ethernet", "compile_farm", "cooling"};

	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		if (!has_table(sections[i]))
			continue;
		json_out_open(o, sections[i], '{');
		out_table(d, o, sections[i], i == 0 ? 45 : 30);
		json_out_close(o);
	}
}

static void out_deployment(struct drawer *d, struct json_out *o)
{
	unsigned racks = 1 + (unsigned)swarm_below(&d->draw, 2);

	json_out_open(o, "deployment", '{');
	json_out_open(o, "hardware", '{');
	out_number(o, "racks", racks, "count");
	out_number(o, "racks_per_pod", 1 + (double)swarm_below(&d->draw, 2), "count");
	if (swarm_chance(&d->draw, 25))
		out_number(o, "spares_per_rack", (double)swarm_below(&d->draw, 3), "count");
	json_out_close(o);
	json_out_open(o, "cross_rack", '{');
	json_out_str(o, "position", "allowed");
	json_out_str(o, "rationale", "test");
	json_out_close(o);
	out_sections(d, o);
	json_out_open(o, "pools", '[');
	out_pool(d, o, "p", racks);
	if (swarm_chance(&d->draw, 35))
		out_pool(d, o, "q", racks);
	json_out_close(o);
	json_out_close(o);
}

/* --- the scenario
 * ---------------------------------------------------------------------------------- */

static void out_traffic(struct drawer *d, struct json_out *o, const char *name, const char *tier)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", name);
	json_out_str(o, "tier", tier);
	swarm_out_duration(o, "timeout", (int64_t)(300 + swarm_below(&d->draw, 9000)) * NS_PER_MS);
	json_out_u64(o, "retries", swarm_below(&d->draw, 3));
	json_out_open(o, "arrival", '{');
	json_out_str(o, "process", SWARM_PICK(&d->draw, "poisson", "constant"));
	json_out_u64(o, "rate", 2 + swarm_below(&d->draw, 40));
	json_out_close(o);
	json_out_open(o, "prompt_tokens", '{');
	json_out_str(o, "dist", "lognormal");
	json_out_i64(o, "median", 200);
	json_out_i64(o, "p99", 2000);
	json_out_i64(o, "max", 3900);
	json_out_close(o);
	json_out_open(o, "output_tokens", '{');
	json_out_str(o, "dist", "uniform");
	json_out_i64(o, "min", 1);
	json_out_i64(o, "max", 60);
	json_out_close(o);
	if (swarm_chance(&d->draw, 80))
		json_out_i64(o, "max_tokens", 64);
	json_out_close(o);
}

static void out_limits(struct drawer *d, struct json_out *o)
{
	json_out_open(o, "limits", '{');
	json_out_u64(o, "max_active", swarm_below(&d->draw, 5));
	json_out_u64(o, "never_below", swarm_below(&d->draw, 2));
	json_out_close(o);
}

static void out_abort(struct json_out *o)
{
	json_out_open(o, "abort", '[');
	json_out_open(o, NULL, '{');
	json_out_str(o, "signal", "error_ratio");
	json_out_str(o, "op", ">");
	json_out_real(o, "value", 0.5);
	json_out_str(o, "for", "1s");
	json_out_close(o);
	json_out_close(o);
}

static void draw_head(struct drawer *d)
{
	struct json_out *o = &d->head;

	json_out_init(o, 0);
	json_out_open(o, NULL, '{');
	json_out_i64(o, "version", 1);
	json_out_str(o, "name", "random");
	json_out_u64(o, "seed", swarm_below(&d->draw, 1000));
	swarm_out_duration(o, "duration", DURATION_NS);
	json_out_str(o, "drain", "4s");
	if (swarm_chance(&d->draw, 6))
		json_out_str(o, "deployment", "emulator/profiles/lpuv1-1rack.json");
	else
		out_deployment(d, o);
	json_out_open(o, "traffic", '[');
	out_traffic(d, o, "t", "x");
	if (swarm_chance(&d->draw, 40))
		out_traffic(d, o, "u", "y");
	json_out_close(o);
	if (swarm_chance(&d->draw, 25))
		out_limits(d, o);
	if (swarm_chance(&d->draw, 5) && !(d->flags & RANDOM_MODEL_ONLY))
		out_abort(o);
}

static char *text_of(const struct drawer *d, unsigned n)
{
	size_t room = d->head.n + 16, k;
	char *text;

	for (unsigned i = 0; i < n; i++)
		room += d->faults[i].n + 1;
	text = mem_alloc(room, 1);
	memcpy(text, d->head.buf, d->head.n);
	k = d->head.n;
	k += (size_t)snprintf(text + k, room - k, ",\"faults\":[");
	for (unsigned i = 0; i < n; i++)
		k += (size_t)snprintf(text + k, room - k, "%s%.*s", i ? "," : "",
		        (int)d->faults[i].n, d->faults[i].buf);
	(void)snprintf(text + k, room - k, "]}");
	return text;
}

struct scenario *random_plan_build(const char *text, char *line, size_t n)
{
	struct error err = ERROR_INIT;
	struct scenario *s = NULL;
	struct json *doc;
	enum status st = json_parse(LPC_SOURCE_DIR "/test.json", text, strlen(text), &doc, &err);

	if (!st)
		st = scenario_build(doc, files_new(false), &s, &err);
	if (st)
		error_format(&err, line, n);
	return st ? NULL : s;
}

/* --- a fault
 * --------------------------------------------------------------------------------------- */

static const struct fault_kind *draw_kind(struct drawer *d)
{
	for (;;) {
		const struct fault_kind *k =
		        fault_catalogue_at(swarm_below(&d->draw, fault_catalogue_count()));

		if (d->kinds && strncmp(k->name, d->kinds, strlen(d->kinds)) != 0)
			continue;
		if (!(d->flags & RANDOM_MODEL_ONLY) || k->side == FAULT_MODEL)
			return k;
	}
}

static void out_every(struct drawer *d, struct json_out *o)
{
	const char *law = SWARM_PICK(&d->draw, "fixed", "exponential", "weibull");
	int64_t mean = (int64_t)(20 + swarm_below(&d->draw, 3000)) * NS_PER_MS;

	json_out_open(o, "every", '{');
	json_out_str(o, "law", law);
	swarm_out_duration(o, law[0] == 'f' ? "interval" : law[0] == 'e' ? "mean" : "mtbf", mean);
	if (law[0] == 'w')
		json_out_real(o, "shape", 0.5 + (double)swarm_below(&d->draw, 30) / 10);
	json_out_close(o);
}

static void out_signal(struct drawer *d, struct json_out *o)
{
	const char *signal = SWARM_PICK(&d->draw, "pool.queue_ms", "in_flight", "error_ratio",
	        "p99_ttft_ms", "spare_count");
	bool time = strstr(signal, "_ms") != NULL;

	json_out_open(o, "when", '{');
	json_out_str(o, "signal", signal);
	if (signal[0] == 'p' && signal[1] == 'o')
		json_out_str(o, "pool", "p");
	json_out_str(o, "op", SWARM_PICK(&d->draw, ">", ">=", "<", "<="));
	if (time)
		swarm_out_duration(o, "value", (int64_t)swarm_below(&d->draw, 300) * NS_PER_MS);
	else
		json_out_real(
		        o, "value", signal[0] == 'e' ? 0.1 : (double)swarm_below(&d->draw, 8));
	swarm_out_duration(o, "for", (int64_t)swarm_below(&d->draw, 50) * 10 * NS_PER_MS);
	json_out_close(o);
}

static void out_after(struct drawer *d, struct json_out *o)
{
	json_out_open(o, "after", '{');
	json_out_str(o, "fault", d->after[swarm_below(&d->draw, d->n_ids)]);
	json_out_str(o, "phase",
	        SWARM_PICK(
	                &d->draw, "inject", "effect", "detect", "isolate", "failover", "revert"));
	swarm_out_duration(o, "delay", (int64_t)(50 + swarm_below(&d->draw, 600)) * NS_PER_MS);
	json_out_close(o);
}

static void out_start(struct drawer *d, struct json_out *o)
{
	uint64_t u = swarm_below(&d->draw, 20);
	bool every = u >= 12 && u < 15;

	if (every)
		out_every(d, o);
	else if (u >= 15 && u < 17 && !(d->flags & RANDOM_MODEL_ONLY))
		out_signal(d, o);
	else if (u >= 17 && d->n_ids)
		out_after(d, o);
	else
		every = false, u = 0;
	if (u == 0 || u < 12 || (every && swarm_chance(&d->draw, 50)))
		swarm_out_duration(o, "at", (int64_t)swarm_below(&d->draw, 7900) * NS_PER_MS);
	if (every || swarm_chance(&d->draw, 85))
		swarm_out_duration(o, "for",
		        (int64_t)(1 +
		                  swarm_below(&d->draw, swarm_chance(&d->draw, 25) ? 60 : 3000)) *
		                NS_PER_MS);
}

/* `group`: NULL, or the faults that begin together, of which the first has a start of its own. */
static bool draw_fault(struct drawer *d, unsigned i, const char *group, bool first)
{
	const struct fault_kind *kind = draw_kind(d);
	struct json_out *o = &d->faults[i];
	uint32_t targets;

	json_out_init(o, 0);
	json_out_open(o, NULL, '{');
	(void)snprintf(d->after[i], sizeof(d->after[i]), "f%u", i);
	json_out_str(o, "id", d->after[i]);
	json_out_str(o, "kind", kind->name);
	targets = swarm_out_target(&d->draw, o, kind);
	if (group)
		json_out_str(o, "together", group);
	if (first)
		out_start(d, o);
	else if (swarm_chance(&d->draw, 80))
		swarm_out_duration(
		        o, "for", (int64_t)(1 + swarm_below(&d->draw, 2000)) * NS_PER_MS);
	if (targets > 1 && kind->side == FAULT_MODEL && swarm_chance(&d->draw, 40))
		swarm_out_duration(
		        o, "stagger", (int64_t)(1 + swarm_below(&d->draw, 200)) * NS_PER_MS);
	swarm_out_parameters(&d->draw, o, kind);
	json_out_close(o);
	return targets > 0;
}

/* One fault, or a group, if the parser takes it. */
static void grow(struct drawer *d, struct random_plan *p)
{
	unsigned members =
	        swarm_chance(&d->draw, 12) ? 2 + (unsigned)swarm_below(&d->draw, UNIT_MAX - 1) : 1;
	char group[8], *text;
	struct scenario *s = NULL;
	bool ok = true;

	(void)snprintf(group, sizeof(group), "g%u", d->n);
	for (unsigned i = 0; i < members; i++)
		ok &= draw_fault(d, d->n + i, members > 1 ? group : NULL, i == 0);
	p->drawn += members;
	text = text_of(d, d->n + members);
	if (ok)
		s = random_plan_build(text, p->refusal, sizeof(p->refusal));
	if (s) {
		d->n += members;
		d->n_ids = d->n;
	} else {
		size_t k = strlen(p->refusal);

		p->refused += members;
		(void)snprintf(p->refusal + k, sizeof(p->refusal) - k, ": %.*s",
		        (int)d->faults[d->n].n, d->faults[d->n].buf);
		for (unsigned i = 0; i < members; i++)
			json_out_free(&d->faults[d->n + i]);
	}
	scenario_free(s);
	mem_free(text);
}

/* A deployment that the parser takes. */
static void draw_base(struct drawer *d, struct random_plan *p)
{
	for (;;) {
		char *text;

		draw_head(d);
		text = text_of(d, 0);
		d->base = random_plan_build(text, p->refusal, sizeof(p->refusal));
		mem_free(text);
		if (d->base)
			return;
		json_out_free(&d->head);
	}
}

void random_plan_draw(struct random_plan *p, unsigned which, unsigned flags, const char *kinds)
{
	struct drawer d = {.flags = flags, .kinds = kinds};
	unsigned wanted;

	*p = (struct random_plan){0};
	swarm_drawer_init(&d.draw, which + 1, "test/random plan", DURATION_NS);
	draw_base(&d, p);
	d.draw.scenario = d.base;
	wanted = 1 + (unsigned)swarm_below(&d.draw, FAULTS_MAX);
	for (unsigned tries = 0; d.n < wanted && tries < 2 * wanted; tries++)
		grow(&d, p);
	p->text = text_of(&d, d.n);
	for (unsigned i = 0; i < d.n; i++)
		json_out_free(&d.faults[i]);
	json_out_free(&d.head);
	scenario_free(d.base);
	swarm_drawer_free(&d.draw);
}

void random_plan_free(struct random_plan *p)
{
	mem_free(p->text);
}

/* --- for tests
 * ------------------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
	enum { ROOM = 1 << 20 };
	char *text = mem_alloc(ROOM, 1);
	FILE *f = fopen(path, "rb");
	size_t n;

	CHECK(f);
	n = fread(text, 1, ROOM - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	return text;
}

struct scenario *random_plan_scenario(unsigned which, unsigned flags)
{
	const char *file = getenv("PROPERTY_FILE");
	struct random_plan p = {0};
	struct scenario *s;
	char line[1024] = "";

	if (file)
		p.text = read_text(file);
	else
		random_plan_draw(&p, which, flags, getenv("PROPERTY_KINDS"));
	if (getenv("PROPERTY_PRINT"))
		(void)fprintf(stderr, "%s\n%u of %u faults refused: %s\n", p.text, p.refused,
		        p.drawn, p.refusal);
	s = random_plan_build(p.text, line, sizeof(line));
	if (!s)
		(void)fprintf(stderr, "%s\n", line);
	CHECK(s);
	random_plan_free(&p);
	return s;
}

static int number(const char *variable, int otherwise)
{
	const char *text = getenv(variable);

	return text ? (int)strtol(text, NULL, 10) : otherwise;
}

void random_plan_range(int runs, int *first, int *end)
{
	*first = number("PROPERTY_FIRST", 0);
	*end = *first + number("PROPERTY_RUNS", rounds(runs));
	if (getenv("PROPERTY_CASE")) {
		*first = number("PROPERTY_CASE", 0);
		*end = *first + 1;
	}
}
