#include "harness/run/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/run/record.h"
#include "harness/run/wire_topology.h"
#include "reports/capture.h"

enum {
	TOPOLOGY_ARENA_BYTES = 64 << 20,
	NAMES_BYTES = 96,
	DATAGRAMS_MAX = 64, /* the emulator's messages are never fragmented */
};

static const char *const scope_names[PATH_SCOPES] = {"rack", "pod", "beyond"};
static const char *const scope_words[PATH_SCOPES] = {
        "within one rack", "across racks of one pod", "across pods"};

/* --- the capture
 * ----------------------------------------------------------------------------------- */

static char *path_of(const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *path = mem_alloc(n, 1);

	(void)snprintf(path, n, "%s/%s", dir, name);
	return path;
}

static void forget(const char *dir, const char *name)
{
	char *path = path_of(dir, name);

	(void)unlink(path); /* most often there is none */
	mem_free(path);
}

enum status proof_init(
        struct proof *p, const struct scenario *s, const char *dir, struct error *err)
{
	*p = (struct proof){.in_rack = PACKETS_DOUBT, .in_pod = PACKETS_DOUBT};
	p->doubt = "not_captured";
	forget(dir, PROOF_CAPTURE);
	forget(dir, PROOF_TOPOLOGY);
	forget(dir, PROOF_AUDIT);
	p->path = path_of(dir, PROOF_CAPTURE);
	return capture_plan(s, &p->plan, err);
}

static enum status open_capture(struct proof *p, struct error *err)
{
	if (!p->plan.every)
		return ERR_NONE;
	return mirror_open(&p->mirror,
	        &(struct mirror_options){
	                .to = p->path, .file_only = true, .bytes_max = CAPTURE_MOST_BYTES},
	        err);
}

static void on_moved(void *ctx, const struct wire_message *m)
{
	struct proof *p = ctx;

	mirror_message(p->mirror, m);
}

static void add_doubt(struct proof *p, const char *text)
{
	struct result_audit *a = &p->audit;

	if (a->n_doubts == RESULT_DOUBTS_MAX)
		return;
	(void)snprintf(p->doubt_text[a->n_doubts], PROOF_DOUBT_BYTES, "%s", text);
	a->doubts[a->n_doubts] = p->doubt_text[a->n_doubts];
	a->n_doubts++;
}

void proof_captured(struct proof *p, const struct mirror_counts *counts, bool failed)
{
	p->audit.left_out = counts->left_out;
	if (counts->left_out)
		add_doubt(p, "left out: the capture is as long as it may be");
	if (failed)
		add_doubt(p, "the capture could not be written");
}

static void close_capture(struct proof *p)
{
	struct error err = ERROR_INIT;
	struct mirror_counts counts;

	if (!p->mirror)
		return;
	counts = mirror_counts(p->mirror);
	proof_captured(p, &counts, mirror_close(p->mirror, &err) != ERR_NONE);
	p->mirror = NULL;
}

void proof_free(struct proof *p)
{
	close_capture(p);
	mem_free(p->path);
	p->path = NULL;
}

/* --- the audit
 * ------------------------------------------------------------------------------------- */

/* The strictest that the scenario asks for: the rack, unless all it asks about is the pod. */
static bool scope_is_pod(const struct scenario *s)
{
	bool pod = false;

	for (uint32_t i = 0; i < s->rules.n_expect; i++) {
		const struct expect_rule *rule = &s->rules.expect[i];

		if (rule->kind != EXPECT_CRITICAL_PATH_IN_RACK)
			continue;
		if (!rule->scope_pod)
			return false;
		pod = true;
	}
	return pod;
}

/* How far apart the ends of the critical packets were. */
static enum path_scope shown_by(const struct audit_result *r, uint64_t *critical)
{
	enum path_scope worst = PATH_IN_RACK;

	*critical = 0;
	for (uint32_t c = 0; c < r->topology->n_classes; c++) {
		const struct audit_total *t = &r->total[c];

		if (!r->topology->classes[c].critical)
			continue;
		*critical += t->packets;
		if (t->crossing_pods || t->outside)
			worst = PATH_ETHERNET;
		else if (t->crossing && worst == PATH_IN_RACK)
			worst = PATH_IN_DOMAIN;
	}
	return worst;
}

/* The first packet that left its rack, in words; empty if none was kept. */
static void example_of(const struct audit_result *r, char buf[static NAMES_BYTES])
{
	char from[WIRE_NAME_BYTES], to[WIRE_NAME_BYTES];

	buf[0] = '\0';
	for (uint32_t i = 0; i < r->n_kept && !buf[0]; i++)
		if (r->kept[i].ours)
			(void)snprintf(buf, NAMES_BYTES, " (packet %" PRIu64 " from %s to %s)",
			        r->kept[i].number, wire_name(r->kept[i].end[0], from),
			        wire_name(r->kept[i].end[1], to));
}

static enum status write_json(
        struct json_out *o, const char *dir, const char *name, struct error *err)
{
	enum status st = record_file(dir, name, o->buf, o->n, err);

	json_out_free(o);
	return st;
}

static enum status write_topology(
        const struct scenario *s, const char *dir, bool pod, struct json **doc, struct error *err)
{
	struct json_out o;

	json_out_init(&o, 2);
	wire_topology(&s->deployment, pod, &o);
	if (json_parse(PROOF_TOPOLOGY, o.buf, o.n, doc, err)) {
		json_out_free(&o);
		return err->code;
	}
	return write_json(&o, dir, PROOF_TOPOLOGY, err);
}

/* --- packets against mapping
 * ----------------------------------------------------------------------- */

/* Frames whose path was judged to run so far, and that were captured. */
static enum path_scope judged_of(const struct rack_counts *counts)
{
	enum path_scope judged = PATH_IN_RACK;

	for (unsigned i = 0; i < PATH_SCOPES; i++)
		if (counts->frames_shown[i])
			judged = (enum path_scope)i;
	return judged;
}

static enum packets within(const struct proof *p, enum path_scope limit, enum path_scope shown,
        enum path_scope worst, bool doubtful)
{
	if (shown > limit)
		return PACKETS_CROSS;
	/* A mapping that no captured request went over was judged to cross. */
	if (doubtful || p->audit.critical == 0 || worst > limit)
		return PACKETS_DOUBT;
	return PACKETS_INSIDE;
}

static void compare(struct proof *p, const struct audit_result *r, enum path_scope shown,
        const struct proof_mapping *mapping)
{
	enum path_scope judged = judged_of(&mapping->counts);
	bool doubtful = p->audit.n_doubts > 0;
	char example[NAMES_BYTES];

	p->audit.shown = p->audit.critical ? scope_names[shown] : NULL;
	p->audit.judged = scope_names[judged];
	p->audit.worst = scope_names[mapping->worst];
	p->in_rack = within(p, PATH_IN_RACK, shown, mapping->worst, doubtful);
	p->in_pod = within(p, PATH_IN_DOMAIN, shown, mapping->worst, doubtful);
	p->doubt = doubtful            ? "audit_inconclusive"
	           : p->audit.critical ? "not_captured_there"
	                               : "no_critical_packets";
	/* What is missing from the capture may be what was judged to be farther. */
	p->contradicted = p->audit.critical && (shown > judged || (shown < judged && !doubtful));
	p->audit.agrees = !p->contradicted;
	if (!p->contradicted)
		return;
	example_of(r, example);
	(void)snprintf(p->reason, sizeof(p->reason),
	        "the packets show the critical path %s%s, the mapping was judged to run %s",
	        scope_words[shown], shown > judged ? example : "", scope_words[judged]);
}

static void note(struct proof *p, const struct audit_result *r)
{
	p->audit.verdict = r->pass ? "pass" : r->fail ? "fail" : "inconclusive";
	p->audit.scope = r->topology->scope == AUDIT_SCOPE_POD ? "pod" : "rack";
	p->audit.packets = r->packets;
	p->audit.violations = r->violations;
	p->audit.sampling = p->plan.every;
	p->audit.frames = p->plan.frames;
	for (unsigned d = 0; d < DOUBT_KINDS; d++)
		if (r->doubts[d])
			add_doubt(p, audit_doubt_name((enum audit_doubt)d));
	/* What is of no class may be of the critical path, too. */
	if (r->violations_by[AUDIT_UNCLASSIFIED_CROSSES])
		add_doubt(p, "packets of no class cross racks");
}

/* The capture, as anybody would audit it. */
static enum status audit_file(struct proof *p, const struct audit_topology *topology,
        const char *dir, const struct proof_mapping *mapping, struct error *err)
{
	struct audit *audit = audit_create(
	        &(struct audit_config){.topology = topology, .datagrams_max = DATAGRAMS_MAX});
	struct error broken = ERROR_INIT;
	const struct audit_result *r;
	enum path_scope shown;
	struct json_out o;
	enum status st;

	if (capture_file(audit, p->path, PROOF_CAPTURE, NULL, NULL, &broken))
		add_doubt(p, "the capture could not be read");
	if (p->audit.left_out)
		audit_dropped(audit, p->audit.left_out);
	r = audit_finish(audit);
	note(p, r);
	shown = shown_by(r, &p->audit.critical);
	compare(p, r, shown, mapping);
	json_out_init(&o, 2);
	render_audit(r, &o, NULL);
	st = write_json(&o, dir, PROOF_AUDIT, err);
	audit_free(audit);
	return st;
}

enum status proof_judge(struct proof *p, const struct scenario *s, const char *dir,
        const struct proof_mapping *mapping, struct error *err)
{
	struct audit_compiler compiler = capture_compiler();
	struct audit_topology topology;
	struct json *doc = NULL;
	struct arena arena;
	enum status st;

	close_capture(p);
	if (!p->plan.every || !s->has_deployment)
		return ERR_NONE;
	arena_init(&arena, TOPOLOGY_ARENA_BYTES);
	st = write_topology(s, dir, scope_is_pod(s), &doc, err);
	if (!st)
		st = audit_topology_parse(json_root(doc), &compiler, &arena, &topology, err);
	if (!st)
		st = audit_file(p, &topology, dir, mapping, err);
	p->done = !st;
	json_free(doc);
	arena_free(&arena);
	return st;
}

void proof_facts(const struct proof *p, struct score_facts *facts)
{
	facts->packets_in_rack = p->in_rack;
	facts->packets_in_pod = p->in_pod;
	facts->packets_doubt = p->doubt;
}

/* Into those of a virtual run that is yet to be decided. */
static void tell(const struct proof *p, struct evaluation *e)
{
	e->packets_in_rack = p->in_rack;
	e->packets_in_pod = p->in_pod;
	e->packets_doubt = p->doubt;
	if (p->contradicted)
		e->reasons[e->n_reasons++] = p->reason;
}

enum status proof_evaluate(struct proof *p, const struct scenario *s, const char *dir,
        const struct evaluate_taps *taps, const volatile sig_atomic_t *interrupt,
        struct evaluation *e, struct error *err)
{
	struct evaluate_taps own = *taps;
	enum status st = proof_init(p, s, dir, err);

	if (!st)
		st = open_capture(p, err);
	own.mirror_every = p->plan.every;
	own.mirror_frames = p->plan.frames;
	own.mirror_period_ns = p->plan.period_ns;
	own.moved = on_moved;
	own.moved_ctx = p;
	if (!st)
		st = evaluate_run(s, &own, interrupt, e, err);
	if (!st)
		st = proof_judge(
		        p, s, dir, &(struct proof_mapping){e->run.path_worst, e->run.rack}, err);
	if (!st)
		tell(p, e);
	return st;
}
