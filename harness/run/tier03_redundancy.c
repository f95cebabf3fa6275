/* Section (c): what survives what. A plan for every remedy that loses something in its own faults:
 * who stands where, what feeds whom, what a loss stops before any failover, and N-1 as the campaign
 * engine plays it (contingency.h): every chip, node, cable, PDU and fan zone, each lost once and
 * not repaired. Counted twice: by the scenario's own rules, as the campaign does, and by whether
 * the service survived: nobody lost, every loss failed over from, no SLO missed.
 *
 * `reached` expectations are left out: they ask after the scenario's own faults. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/blast.h"
#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/run/campaign_pool.h"
#include "harness/run/contingency.h"
#include "harness/run/tier03_parts.h"

enum { MISSED_MAX = 16, NODES_SHOWN = 64 };

/* --- the deployment ------------------------------------------------------------------ */

static const char *node_name(const struct topology *t, uint32_t node)
{
	return t->components[t->node_component0 + node].name;
}

static void write_domains(struct tier03 *t, const struct topology *top)
{
	json_out_open(t->o, "domains", '{');
	json_out_u64(t->o, "racks", top->n_racks);
	json_out_u64(t->o, "nodes_per_rack", top->nodes_per_rack);
	json_out_u64(t->o, "spares_per_rack", top->spares_per_rack);
	json_out_u64(t->o, "chips_per_node", top->chips_per_node);
	json_out_u64(t->o, "pdus_per_rack", top->pdus_per_rack);
	json_out_u64(t->o, "fan_zones_per_node", top->fans_per_node);
	json_out_u64(t->o, "components", top->n_components);
	json_out_close(t->o);
}

/* A and B feeds: every node hangs on two PDUs, so that one alone takes nobody down. */
static void write_pdus(struct tier03 *t, const struct topology *top)
{
	json_out_open(t->o, "pdus", '[');
	for (uint32_t p = 0; p < top->n_racks * top->pdus_per_rack; p++) {
		uint32_t shown = 0, alone = 0;

		json_out_open(t->o, NULL, '{');
		json_out_str(t->o, "pdu", top->components[top->pdu_component0 + p].name);
		json_out_open(t->o, "feeds", '[');
		for (uint32_t n = 0; n < top->n_nodes; n++) {
			uint32_t feeds[2], k = topology_feeds(top, n, feeds);

			if (feeds[0] != p && (k < 2 || feeds[1] != p))
				continue;
			alone += k < 2;
			if (shown++ < NODES_SHOWN)
				json_out_str(t->o, NULL, node_name(top, n));
		}
		json_out_close(t->o);
		json_out_u64(t->o, "nodes", shown);
		json_out_u64(t->o, "nodes_without_second_feed", alone);
		json_out_close(t->o);
	}
	json_out_close(t->o);
}

/* Before any failover: of how many components the loss stops an instance, or all of the pool's; for
 * how many of those a spare can stand in. */
static void write_blast(struct tier03 *t, const struct deployment *d, uint32_t pool)
{
	uint32_t stops = 0, down = 0, spared = 0;
	struct blast blast;

	blast_init(&blast, d);
	for (uint32_t c = 0; c < d->topology.n_components; c++) {
		if (!blast_instances(&blast, pool, c))
			continue;
		stops++;
		down += blast_pool_down(&blast, pool, c);
		spared += blast_spare(d, c);
	}
	blast_free(&blast);
	json_out_u64(t->o, "components_that_stop_an_instance", stops);
	json_out_u64(t->o, "components_that_stop_the_pool", down);
	json_out_u64(t->o, "of_those_with_a_spare", spared);
}

static void write_pools(struct tier03 *t, const struct deployment *d)
{
	json_out_open(t->o, "pools", '[');
	for (uint32_t i = 0; i < d->n_pools; i++) {
		const struct pool_spec *p = &d->pools[i];

		json_out_open(t->o, NULL, '{');
		json_out_str(t->o, "pool", p->name);
		json_out_u64(t->o, "instances", p->n_instances);
		json_out_u64(t->o, "nodes_per_instance", p->nodes_per_instance);
		json_out_open(t->o, "nodes", '[');
		for (uint32_t n = 0; n < p->n_instances * p->nodes_per_instance && n < NODES_SHOWN;
		        n++)
			json_out_str(t->o, NULL, node_name(&d->topology, p->nodes[n]));
		json_out_close(t->o);
		write_blast(t, d, i);
		json_out_open(t->o, "degraded", '{');
		json_out_u64(t->o, "below", p->degraded_below);
		json_out_open(t->o, "shed", '[');
		for (uint32_t n = 0; n < p->n_shed; n++)
			json_out_str(t->o, NULL, p->shed[n]);
		json_out_close(t->o);
		json_out_close(t->o);
		json_out_close(t->o);
	}
	json_out_close(t->o);
}

/* --- survival ------------------------------------------------------------------------ */

struct tally {
	uint64_t n, survived, felt, lost, never_back, slo_missed, slo_undecided;
	uint64_t missed[MISSED_MAX]; /* expectations, by index */
	double ttf_ms;               /* the longest; -1: none was called for */
};

struct survival {
	struct tally all, classes[UNIT_CLASSES], pools[DEPLOYMENT_POOLS_MAX];
	uint64_t requests;
};

static bool listed(struct jval list, const char *id)
{
	for (struct jval v = json_first(list); v.item; v = json_next(v))
		if (strcmp(json_string(v), id) == 0)
			return true;
	return false;
}

static double number(struct jval v)
{
	struct error ignored = ERROR_INIT;
	double out = -1;

	return json_type(v) == JSON_NUMBER && json_real(v, &out, &ignored) == ERR_NONE ? out : -1;
}

static void count_line(const struct scenario *s, struct jval line, struct tally *t)
{
	struct jval loss = json_first(json_get(line, "losses"));
	uint64_t n = (uint64_t)number(json_get(line, "stands_for"));
	double ttf = number(json_get(loss, "ttf_ms")), lost = number(json_get(line, "lost"));
	bool never = ttf < 0 && number(json_get(loss, "isolate_ns")) >= 0, missed = false;
	bool undecided = false;

	for (uint32_t i = 0; i < s->rules.n_slo; i++) {
		missed |= listed(json_get(line, "missed"), s->rules.slo[i].id);
		undecided |= listed(json_get(line, "undecided"), s->rules.slo[i].id);
	}
	for (uint32_t i = 0; i < s->rules.n_expect && i < MISSED_MAX; i++)
		if (listed(json_get(line, "missed"), s->rules.expect[i].id))
			t->missed[i] += n;
	t->n += n;
	t->felt += number(json_get(loss, "effect_ns")) >= 0 ? n : 0;
	t->lost += lost > 0 ? n : 0;
	t->never_back += never ? n : 0;
	t->slo_missed += missed ? n : 0;
	t->slo_undecided += undecided ? n : 0;
	t->survived += lost == 0 && !never && !missed ? n : 0;
	t->ttf_ms = ttf > t->ttf_ms ? ttf : t->ttf_ms;
}

static void count(const struct scenario *s, struct jval line, struct survival *v)
{
	struct jval loss = json_first(json_get(line, "losses"));
	const char *class = json_string(json_get(loss, "class"));

	v->requests += (uint64_t)number(json_get(line, "requests"));
	count_line(s, line, &v->all);
	for (int c = 0; c < UNIT_CLASSES; c++)
		if (strcmp(class, unit_class_name((enum unit_class)c)) == 0)
			count_line(s, line, &v->classes[c]);
	for (uint32_t p = 0; p < s->deployment.n_pools; p++)
		if (listed(json_get(loss, "pools"), s->deployment.pools[p].name))
			count_line(s, line, &v->pools[p]);
}

static void write_tally(struct tier03 *t, const struct scenario *s, const char *kind,
        const char *name, const struct tally *y)
{
	json_out_open(t->o, NULL, '{');
	json_out_str(t->o, kind, name);
	json_out_u64(t->o, "contingencies", y->n);
	json_out_u64(t->o, "felt", y->felt);
	json_out_u64(t->o, "survived", y->survived);
	json_out_u64(t->o, "with_lost_requests", y->lost);
	json_out_u64(t->o, "never_back", y->never_back);
	json_out_u64(t->o, "slo_missed", y->slo_missed);
	json_out_u64(t->o, "slo_undecided", y->slo_undecided);
	if (y->ttf_ms < 0)
		json_out_null(t->o, "ttf_ms_max");
	else
		json_out_real(t->o, "ttf_ms_max", y->ttf_ms);
	json_out_open(t->o, "expectations_missed", '{');
	for (uint32_t i = 0; i < s->rules.n_expect && i < MISSED_MAX; i++)
		if (y->missed[i])
			json_out_u64(t->o, s->rules.expect[i].id, y->missed[i]);
	json_out_close(t->o);
	json_out_close(t->o);
}

static void write_survival(struct tier03 *t, const struct scenario *s, const struct survival *v)
{
	json_out_open(t->o, "survival", '{');
	json_out_open(t->o, "classes", '[');
	for (int c = 0; c < UNIT_CLASSES; c++)
		if (v->classes[c].n)
			write_tally(
			        t, s, "class", unit_class_name((enum unit_class)c), &v->classes[c]);
	json_out_close(t->o);
	json_out_open(t->o, "pools", '[');
	for (uint32_t p = 0; p < s->deployment.n_pools; p++)
		if (v->pools[p].n)
			write_tally(t, s, "pool", s->deployment.pools[p].name, &v->pools[p]);
	json_out_close(t->o);
	json_out_close(t->o);
}

/* --- N-1 ----------------------------------------------------------------------------- */

struct cells {
	char **lines;
	uint64_t next, n;
};

static bool next_cell(void *ctx, uint64_t *index)
{
	struct cells *c = ctx;

	*index = c->next;
	return c->next < c->n && ++c->next;
}

static enum status keep_line(void *ctx, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, struct error *err)
{
	struct cells *c = ctx;

	(void)brief;
	(void)err;
	c->lines[index] = mem_alloc(n + 1, 1);
	memcpy(c->lines[index], line, n);
	return ERR_NONE;
}

static enum status fold(const struct scenario *s, struct campaign_state *state,
        const struct cells *c, struct survival *v, struct error *err)
{
	for (uint64_t i = 0; i < c->n; i++) {
		struct json *doc;
		enum status st;

		if (json_parse("N-1", c->lines[i], strlen(c->lines[i]), &doc, err))
			return err->code;
		st = campaign_contingency.fold(state, json_root(doc), err);
		if (!st)
			count(s, json_root(doc), v);
		json_free(doc);
		if (st)
			return st;
	}
	return ERR_NONE;
}

/* Plays and folds; false where it was interrupted or failed. */
static bool play(struct tier03 *t, const struct scenario *s, struct campaign_state *state,
        uint64_t n_cells, struct survival *v)
{
	struct cells c = {.n = n_cells, .lines = mem_alloc(n_cells + 1, sizeof(*c.lines))};
	struct campaign_work work = {.mode = &campaign_contingency,
	        .state = state,
	        .interrupt = t->interrupt,
	        .jobs = campaign_pool_jobs(n_cells),
	        .next = next_cell,
	        .done = keep_line,
	        .ctx = &c,
	        .cells = n_cells};
	bool whole = campaign_pool_run(&work, t->err) == ERR_NONE && !*t->interrupt &&
	             fold(s, state, &c, v, t->err) == ERR_NONE;

	for (uint64_t i = 0; i < n_cells; i++)
		mem_free(c.lines[i]);
	mem_free(c.lines);
	return whole;
}

static void write_plan(struct tier03 *t, const struct scenario *s, struct campaign_state *state,
        const struct survival *v)
{
	char *text = NULL;
	size_t n;
	FILE *tables = open_memstream(&text, &n); /* of the campaign, for people: not wanted here */
	enum verdict verdict;

	CHECK(tables);
	write_survival(t, s, v);
	json_out_open(t->o, "n_1", '{');
	verdict = campaign_contingency.finish(state, t->o, tables);
	json_out_str(t->o, "verdict", verdict_name(verdict));
	json_out_close(t->o);
	(void)fclose(tables);
	free(text);
}

/* Without the expectations that ask after the scenario's own faults. */
static void derive_rules(const struct scenario *s, struct scenario *base, struct expect_rule *rules)
{
	*base = *s;
	base->rules.n_expect = 0;
	base->rules.expect = rules;
	for (uint32_t i = 0; i < s->rules.n_expect; i++)
		if (s->rules.expect[i].kind != EXPECT_REACHED)
			rules[base->rules.n_expect++] = s->rules.expect[i];
}

static void write_outcome(
        struct tier03 *t, const struct scenario *s, const struct survival *v, uint32_t plan)
{
	char ttf[64] = "none called for a failover";

	if (v->all.ttf_ms >= 0)
		(void)snprintf(
		        ttf, sizeof(ttf), "the longest failover took %.3f ms", v->all.ttf_ms);
	tier03_say(t, "inference",
	        "The deployment of %s survives %" PRIu64 " of its %" PRIu64
	        " single losses with nobody lost, service back and every SLO kept or undecided "
	        "(%" PRIu64 " undecided by one run); %s.",
	        s->name, v->all.survived, v->all.n, v->all.slo_undecided, ttf);
	tier03_evidence(t);
	tier03_link(t, t->names[0], "/redundancy/plans/%u/survival", plan);
	tier03_link(t, t->names[0], "/redundancy/plans/%u/n_1/ranking", plan);
}

static void write_untold(struct tier03 *t, const struct scenario *s)
{
	tier03_say(t, "inference",
	        "N-1 of the deployment of %s was not played: the limit of %" PRIu64
	        " simulated requests was reached. It can be by itself: lpuchaos campaign.",
	        s->name, TIER03_REQUESTS);
	json_out_null(t->o, "survival");
	json_out_null(t->o, "n_1");
	tier03_evidence(t);
}

static void write_evidence(
        struct tier03 *t, uint32_t scenario, const struct scenario *base, uint32_t plan)
{
	struct campaign_request request = {.by_contingency = true, .contingency = CONTINGENCY_N1};
	struct campaign_state *state = NULL;
	struct survival *v = mem_alloc(1, sizeof(*v));
	uint64_t n_cells;

	v->all.ttf_ms = -1;
	for (int c = 0; c < UNIT_CLASSES; c++)
		v->classes[c].ttf_ms = -1;
	for (int p = 0; p < DEPLOYMENT_POOLS_MAX; p++)
		v->pools[p].ttf_ms = -1;
	if (t->requests >= TIER03_REQUESTS) {
		write_untold(t, base);
	} else if (!campaign_contingency.open(base, &request, &state, &n_cells, t->err) &&
	           play(t, base, state, n_cells, v)) {
		t->requests += v->requests;
		write_plan(t, base, state, v);
		write_outcome(t, base, v, plan);
	} else {
		tier03_evidence(t); /* interrupted or failed: nothing of this is written */
	}
	tier03_link_run(t, scenario, "bundle.json", "/scenario");
	tier03_evidence_end(t);
	if (state)
		campaign_contingency.close(state);
	mem_free(v);
}

static void write_one(struct tier03 *t, uint32_t scenario, uint32_t plan)
{
	const struct scenario *s = t->list->items[scenario];
	struct scenario *base = mem_alloc(1, sizeof(*base));
	struct expect_rule *rules = mem_alloc(s->rules.n_expect + 1, sizeof(*rules));

	derive_rules(s, base, rules);
	json_out_open(t->o, NULL, '{');
	json_out_str(t->o, "scenario", s->name);
	write_domains(t, &s->deployment.topology);
	write_pdus(t, &s->deployment.topology);
	write_pools(t, &s->deployment);
	write_evidence(t, scenario, base, plan);
	json_out_close(t->o);
	mem_free(base);
	mem_free(rules);
}

/* Something of the deployment is lost in its own faults, or it demands to survive that. */
static bool promises(const struct scenario *s)
{
	for (uint32_t i = 0; i < s->faults.n; i++)
		for (int c = 0; c < UNIT_CLASSES; c++)
			if (s->faults.faults[i].kind == contingency_kind((enum unit_class)c))
				return true;
	return s->survive != SURVIVE_NONE;
}

void tier03_redundancy(struct tier03 *t)
{
	uint32_t plans = 0;

	json_out_open(t->o, "redundancy", '{');
	tier03_say(t, "inference",
	        "Every deployment that a remedy loses something of is played through all its "
	        "single "
	        "losses, none of them repaired; what a loss costs is the difference to the run in "
	        "which nothing is lost.");
	tier03_evidence(t);
	tier03_link(t, t->names[0], "/redundancy/plans");
	tier03_evidence_end(t);
	json_out_open(t->o, "plans", '[');
	for (uint32_t i = t->suite->first; i < t->suite->first + t->suite->n; i++) {
		const struct scenario *s = t->list->items[i];

		if (t->remedy[i] && s->has_deployment && !s->target.url && promises(s) &&
		        !t->err->code && !*t->interrupt)
			write_one(t, i, plans++);
	}
	json_out_close(t->o);
	json_out_close(t->o);
}
