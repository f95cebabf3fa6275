/* Section (a): every labelled number that the runs rest on, once for each value it has, grouped by
 * what it is about; beside it the verdicts that leaned on it, and the range over which they hold
 * (sweep.h). Numbers of the scenarios themselves (what arrives, how long it is) belong to the
 * shapes: nobody labels them, so they are their author's assumptions. */
#include <stdio.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/run/assumptions.h"
#include "harness/run/tier03_parts.h"

enum { ROWS_MAX = 1 << 16 };

#define ARENA_BYTES ((size_t)256 << 20)

/* One number with one value, and the scenarios that have it. */
struct row {
	const char *path, *value, *unit, *label, *source, *help; /* value: JSON */
	int group;
	const char *file;  /* where it stands, of the run of `first`; NULL: in the claims */
	const char *where; /* pointer */
	uint32_t first;    /* the first scenario that has it */
	uint8_t *in;       /* by scenario of the suite */
};

struct table {
	struct tier03 *t;
	struct arena arena;
	struct row *rows;
	uint32_t n, scenario, place; /* place: in the scenario's assumptions.json */
};

/* --- groups -------------------------------------------------------------------------- */

static const struct {
	const char *name, *about;
} groups[] = {
        {"compiler", "what the compiler makes of a model: time per layer, memory, prefill, and the "
                     "artifacts that carry it"},
        {"fabric", "chips, nodes, cables, clocks and Ethernet: what a frame travels over"},
        {"shapes", "what arrives, how long it is, and the timetables of the buckets that hold it"},
        {"policy", "pools, admission, priorities, rollouts: what the operator decides"},
        {"failover", "how failures are found, and what it takes until service is back"},
        {"facility", "power and cooling"},
        {"rates", "how often what fails"},
};
enum { COMPILER, FABRIC, SHAPES, POLICY, FAILOVER, FACILITY, RATES, GROUPS };

/* Beginnings of paths without "deployment.", the first that fits. */
static const struct {
	const char *begins;
	int group;
} by_path[] = {
        {"traffic.", SHAPES},
        {"recovery.", FAILOVER},
        {"health.", FAILOVER},
        {"ethernet.", FABRIC},
        {"cable_plan.", FABRIC},
        {"model.", COMPILER},
        {"compile_farm.", COMPILER},
        {"power.", FACILITY},
        {"cooling.", FACILITY},
        {"hardware.chip_mtbf", RATES},
        {"hardware.node_mtbf", RATES},
        {"hardware.cable_mtbf", RATES},
        {"hardware.link_burst_mtbf", RATES},
        {"hardware.transient_share", RATES},
        {"hardware.sdc_mtbf", RATES},
        {"hardware.chip_power", FACILITY},
        {"hardware.node_power", FACILITY},
        {"hardware.pdu", FACILITY},
        {"hardware.fan", FACILITY},
        {"hardware.chips_per_node", FABRIC},
        {"hardware.chip_", COMPILER},
        {"hardware.matmul", COMPILER},
        {"hardware.layer_time", COMPILER},
        {"hardware.stage_", COMPILER},
        {"hardware.prefill", COMPILER},
        {"hardware.host_load", FAILOVER},
        {"hardware.registry", FAILOVER},
        {"hardware.reset_time", FAILOVER},
        {"hardware.reboot_time", FAILOVER},
        {"hardware.swap_time", FAILOVER},
        {"hardware.poll", FAILOVER},
        {"hardware.detect", FAILOVER},
        {"hardware.persist", FAILOVER},
        {"hardware.suspic", FAILOVER},
        {"hardware.suspect", FAILOVER},
        {"hardware.isolate", FAILOVER},
        {"hardware.remap", FAILOVER},
        {"hardware.resync", FAILOVER},
        {"hardware.resume", FAILOVER},
        {"hardware.spares", FAILOVER},
        {"hardware.", FABRIC},
};

static const struct {
	const char *begins; /* of a kind of fault */
	int group;
} by_kind[] = {
        {"artifact.", COMPILER},
        {"shape.", SHAPES},
        {"load.", SHAPES},
        {"client.", SHAPES},
        {"power.", FACILITY},
        {"cooling.", FACILITY},
        {"link.", FABRIC},
        {"ethernet.", FABRIC},
        {"clock.", FABRIC},
        {"", FAILOVER},
};

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* "faults.<id>.<parameter>": the kind of that fault; NULL: the path is none of a fault. */
static const char *kind_of(const struct scenario *s, const char *path)
{
	if (!begins(path, "faults."))
		return NULL;
	path += strlen("faults.");
	for (uint32_t f = 0; f < s->faults.n; f++) {
		const char *id = s->faults.faults[f].id;

		if (begins(path, id) && path[strlen(id)] == '.')
			return s->faults.faults[f].kind->name;
	}
	return NULL;
}

static int group_of_fault(const char *kind)
{
	size_t i = 0;

	while (!begins(kind, by_kind[i].begins))
		i++;
	return by_kind[i].group;
}

static int group_of(const struct scenario *s, const char *path)
{
	const char *kind = kind_of(s, path);

	if (kind)
		return group_of_fault(kind);
	if (begins(path, "deployment."))
		path += strlen("deployment.");
	if (begins(path, "pools."))
		return strstr(path, ".buckets.")    ? SHAPES
		       : strstr(path, ".artifact.") ? COMPILER
		                                    : POLICY;
	for (size_t i = 0; i < ARRAY_LEN(by_path); i++)
		if (begins(path, by_path[i].begins))
			return by_path[i].group;
	return POLICY;
}

/* --- rows ---------------------------------------------------------------------------- */

static bool is(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static const char *kept(struct table *x, const char *s)
{
	return s ? arena_strndup(&x->arena, s, strlen(s)) : NULL;
}

/* The number of this scenario; a row of its own unless one says the same. */
static void add(struct table *x, const struct row *found)
{
	struct row *r = x->rows, *end = x->rows + x->n;

	while (r < end && !(is(r->path, found->path) && is(r->value, found->value) &&
	                          is(r->label, found->label) && is(r->source, found->source)))
		r++;
	if (r == end) {
		if (x->n == ROWS_MAX)
			return;
		x->n++;
		*r = *found;
		r->path = kept(x, found->path);
		r->value = kept(x, found->value);
		r->unit = kept(x, found->unit);
		r->source = kept(x, found->source);
		r->where = kept(x, found->where);
		r->group = group_of(x->t->list->items[x->scenario], r->path);
		r->first = x->scenario;
		r->in = arena_must(&x->arena, x->t->suite->n);
	}
	r->in[x->scenario - x->t->suite->first] = 1;
}

static void add_labelled(void *ctx, const struct labelled *l)
{
	struct table *x = ctx;
	char where[64];
	struct json_out value;

	json_out_init(&value, 0);
	if (l->parameter)
		json_out_real(&value, NULL, l->parameter->value);
	else
		json_out_value(&value, NULL, l->value, false);
	(void)snprintf(where, sizeof(where), "/assumptions/%u", x->place++);
	add(x, &(struct row){.path = l->path,
	               .value = value.buf,
	               .unit = l->unit,
	               .label = l->label,
	               .source = l->source,
	               .help = l->field ? l->field->help : NULL,
	               .file = "assumptions.json",
	               .where = where});
	json_out_free(&value);
}

/* What the scenario says of its traffic, as it says it. */
static void add_traffic(struct table *x, const struct scenario *s)
{
	static const char *const keys[] = {"arrival", "prompt_tokens", "output_tokens",
	        "max_tokens", "timeout", "retries", "trace"};
	uint32_t i = 0;

	for (struct jval e = json_first(json_get(json_root(s->document), "traffic")); e.item;
	        e = json_next(e), i++)
		for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
			struct jval v = json_get(e, keys[k]);
			char path[256], where[256];
			struct json_out value;

			if (json_type(v) == JSON_NONE)
				continue;
			json_out_init(&value, 0);
			json_out_value(&value, NULL, v, false);
			json_path(v, path, sizeof(path));
			(void)snprintf(where, sizeof(where), "/scenario/traffic/%u/%s", i, keys[k]);
			add(x, &(struct row){.path = path,
			               .value = value.buf,
			               .unit = strstr(keys[k], "tokens") ? "tokens" : NULL,
			               .label = "assumption",
			               .source = "scenario",
			               .file = "bundle.json",
			               .where = where});
			json_out_free(&value);
		}
}

/* --- who leaned on them -------------------------------------------------------------- */

/* Of the scenarios that the claim names, one has this row. */
static bool shares(const struct table *x, const struct row *r, struct jval names)
{
	const struct suite *suite = x->t->suite;

	for (struct jval n = json_first(names); n.item; n = json_next(n))
		for (uint32_t i = 0; i < suite->n; i++)
			if (r->in[i] &&
			        is(x->t->list->items[suite->first + i]->name, json_string(n)))
				return true;
	return false;
}

/* A number of a traffic law is a part of the row that holds the law. */
static bool covers(const struct row *r, const char *parameter)
{
	size_t n = strlen(r->path);

	return begins(parameter, r->path) &&
	       (parameter[n] == '\0' || (parameter[n] == '.' && begins(r->path, "traffic.")));
}

static void write_leaning(struct table *x, struct jval claim, struct jval a, uint32_t i, uint32_t k)
{
	static const char *const copied[] = {"parameter", "value", "holds", "holds_for", "searched",
	        "low_is_edge", "high_is_edge", "note"};
	struct tier03 *t = x->t;

	json_out_open(t->o, NULL, '{');
	json_out_value(t->o, "claim", json_get(claim, "id"), false);
	json_out_value(t->o, "verdict", json_get(claim, "verdict"), false);
	for (size_t c = 0; c < ARRAY_LEN(copied); c++)
		if (json_type(json_get(a, copied[c])) != JSON_NONE)
			json_out_value(t->o, copied[c], json_get(a, copied[c]), false);
	tier03_evidence(t);
	tier03_link(t, t->claims_file, "/claims/%u/assumptions/%u", i, k);
	tier03_evidence_end(t);
	json_out_close(t->o);
}

/* How many claims leaned on it; written only if `write`. */
static uint32_t each_leaning(struct table *x, const struct row *r, bool write)
{
	uint32_t found = 0, i = 0;

	for (struct jval c = json_first(x->t->claims); c.item; c = json_next(c), i++) {
		uint32_t k = 0;

		for (struct jval a = json_first(json_get(c, "assumptions")); a.item;
		        a = json_next(a), k++) {
			if (!covers(r, json_string(json_get(a, "parameter"))) ||
			        !shares(x, r, json_get(a, "scenarios")))
				continue;
			found++;
			if (write)
				write_leaning(x, c, a, i, k);
		}
	}
	return found;
}

/* What a claim itself names, by a path that none of the tables has. */
static void add_named(struct table *x, struct jval a, uint32_t i, uint32_t k)
{
	struct tier03 *t = x->t;
	char where[64];
	struct json_out value;

	json_out_init(&value, 0);
	json_out_value(&value, NULL, json_get(a, "value"), false);
	(void)snprintf(where, sizeof(where), "/claims/%u/assumptions/%u", i, k);
	for (struct jval n = json_first(json_get(a, "scenarios")); n.item; n = json_next(n))
		for (x->scenario = t->suite->first; x->scenario < t->suite->first + t->suite->n;
		        x->scenario++)
			if (is(t->list->items[x->scenario]->name, json_string(n)))
				add(x, &(struct row){.path = json_string(json_get(a, "parameter")),
				               .value = value.buf,
				               .unit = json_string(json_get(a, "unit")),
				               .label = "assumption",
				               .source = json_string(json_get(a, "source")),
				               .where = where});
	json_out_free(&value);
}

static void gather_named(struct table *x)
{
	uint32_t i = 0;

	for (struct jval c = json_first(x->t->claims); c.item; c = json_next(c), i++) {
		uint32_t k = 0;

		for (struct jval a = json_first(json_get(c, "assumptions")); a.item;
		        a = json_next(a), k++) {
			const char *parameter = json_string(json_get(a, "parameter"));
			uint32_t r = 0;

			while (r < x->n &&
			        !(covers(&x->rows[r], parameter) &&
			                shares(x, &x->rows[r], json_get(a, "scenarios"))))
				r++;
			if (r == x->n)
				add_named(x, a, i, k);
		}
	}
}

/* --- out ----------------------------------------------------------------------------- */

/* How to ask for it, by where it stands; the first that fits. */
static const struct {
	const char *begins, *where;
} places[] = {
        {"deployment.hardware.", "on the machine that you deliver"},
        {"deployment.pools.", "for this pool, and who guarantees it"},
        {"deployment.", "on the system, and who sets it"},
        {"traffic.", "in the load that the system has to be planned for"},
        {"", "on the system"},
};

static int ask(const struct tier03 *t, const struct row *r, bool choice, char *out, size_t n)
{
	const char *kind = kind_of(t->list->items[r->first], r->path), *key = r->path;
	char help[160] = "";
	size_t i = 0;

	if (r->help)
		(void)snprintf(help, sizeof(help), " (%s)", r->help);
	if (kind)
		return snprintf(out, n, "When %s happens, %s its %s%s?", kind,
		        choice ? "what is" : "how large can be", strrchr(key, '.') + 1, help);
	while (!begins(key, places[i].begins))
		i++;
	if (begins(key, "deployment."))
		key += strlen("deployment.");
	return snprintf(out, n, "What is %s%s %s?", key, help, places[i].where);
}

/* What to ask whoever knows: of the number, with what we took it for and why. */
static void write_question(struct tier03 *t, const struct row *r)
{
	bool own = is(r->source, "scenario") || is(r->source, "deployment");
	bool choice = r->value[0] == 't' || r->value[0] == 'f' ||
	              (r->value[0] == '"' && (r->value[1] < '0' || r->value[1] > '9'));
	bool plain = r->unit && !is(r->unit, "count") && !strchr("\"{[tf", r->value[0]);
	char text[2 * TIER03_TEXT];
	int n = ask(t, r, choice, text, sizeof(text));

	if (n > 0 && (size_t)n < sizeof(text))
		(void)snprintf(text + n, sizeof(text) - (size_t)n,
		        " We took it to be %s%s%s%s%s%s. %s", r->value, plain ? " " : "",
		        plain ? r->unit : "",
		        own         ? ", as the "
		        : r->source ? "; our source: "
		                    : ", without a source",
		        r->source ? r->source : "", own ? " states" : "",
		        choice ? "Is it so on every unit and in every release, and what would "
		                 "change "
		                 "it?"
		               : "What do you specify, what have you measured (typical, p99, "
		                 "worst), "
		                 "and what would change it?");
	json_out_str(t->o, "question", text);
}

static void write_row(struct table *x, const struct row *r)
{
	struct tier03 *t = x->t;
	uint32_t leaning = each_leaning(x, r, false);

	json_out_open(t->o, NULL, '{');
	json_out_str(t->o, "path", r->path);
	json_out_raw(t->o, "value", r->value);
	json_out_str(t->o, "unit", r->unit);
	json_out_str(t->o, "label", r->label);
	json_out_str(t->o, "source", r->source);
	json_out_str(t->o, "help", r->help);
	json_out_open(t->o, "scenarios", '[');
	for (uint32_t i = 0; i < t->suite->n; i++)
		if (r->in[i])
			json_out_str(t->o, NULL, t->list->items[t->suite->first + i]->name);
	json_out_close(t->o);
	json_out_open(t->o, "leaned_on", '[');
	(void)each_leaning(x, r, true);
	json_out_close(t->o);
	if (leaning)
		write_question(t, r);
	else
		json_out_null(t->o, "question");
	tier03_evidence(t);
	if (r->file)
		tier03_link_run(t, r->first, r->file, "%s", r->where);
	else
		tier03_link(t, t->claims_file, "%s", r->where);
	tier03_evidence_end(t);
	json_out_close(t->o);
}

static void write_groups(struct table *x)
{
	struct tier03 *t = x->t;

	json_out_open(t->o, "groups", '[');
	for (int g = 0; g < GROUPS; g++) {
		json_out_open(t->o, NULL, '{');
		json_out_str(t->o, "group", groups[g].name);
		json_out_str(t->o, "about", groups[g].about);
		json_out_open(t->o, "numbers", '[');
		for (uint32_t i = 0; i < x->n; i++)
			if (x->rows[i].group == g)
				write_row(x, &x->rows[i]);
		json_out_close(t->o);
		json_out_close(t->o);
	}
	json_out_close(t->o);
}

static void gather(struct table *x)
{
	struct tier03 *t = x->t;

	for (uint32_t i = t->suite->first; i < t->suite->first + t->suite->n; i++) {
		if (!t->harm[i] && !t->remedy[i])
			continue;
		x->scenario = i;
		x->place = 0;
		assumptions_visit(t->list->items[i], add_labelled, x);
		add_traffic(x, t->list->items[i]);
	}
	gather_named(x);
}

void tier03_assumptions(struct tier03 *t)
{
	struct table x = {.t = t, .rows = mem_alloc(ROWS_MAX, sizeof(*x.rows))};
	uint32_t leaned = 0, assumed = 0;

	arena_init(&x.arena, ARENA_BYTES);
	gather(&x);
	for (uint32_t i = 0; i < x.n; i++) {
		leaned += each_leaning(&x, &x.rows[i], false) > 0;
		assumed += is(x.rows[i].label, "assumption");
	}
	json_out_open(t->o, "assumptions", '{');
	tier03_say(t, "inference",
	        "The runs rest on %u labelled numbers, of which %u are assumptions. Each "
	        "assumption "
	        "was moved alone, from a tenth to ten times its value or as far as it may go: "
	        "verdicts "
	        "leaned on %u, and hold over the ranges given.",
	        x.n, assumed, leaned);
	tier03_evidence(t);
	tier03_link(t, t->claims_file, "/claims");
	tier03_evidence_end(t);
	write_groups(&x);
	json_out_close(t->o);
	mem_free(x.rows);
	arena_free(&x.arena);
}
