/* "lpuchaos.audit/1". docs/AUDIT.md says what the members mean. */
#include "harness/base/json.h"
#include "reports/audit.h"
#include "reports/audit_words.h"

static void out_topology(const struct audit_topology *t, struct json_out *o)
{
	json_out_open(o, "topology", '{');
	json_out_str(o, "file", t->file);
	json_out_u64(o, "racks", t->n_racks);
	json_out_u64(o, "pods", t->n_pods);
	json_out_u64(o, "classes", t->n_classes);
	json_out_close(o);
	json_out_open(o, "policy", '{');
	json_out_str(o, "scope", audit_scope_name(t->scope));
	json_out_str(o, "unclassified_cross_rack", audit_unclassified_name(t->unclassified));
	json_out_close(o);
}

/* first_ns, last_ns and both as dates; null where there was no packet. */
static void out_range(struct json_out *o, uint64_t packets, int64_t first_ns, int64_t last_ns)
{
	char first[AUDIT_WORD_MAX], last[AUDIT_WORD_MAX];

	if (!packets) {
		json_out_null(o, "first_ns");
		json_out_null(o, "last_ns");
		json_out_null(o, "first");
		json_out_null(o, "last");
		return;
	}
	json_out_i64(o, "first_ns", first_ns);
	json_out_i64(o, "last_ns", last_ns);
	json_out_str(o, "first", audit_time(first_ns, first));
	json_out_str(o, "last", audit_time(last_ns, last));
}

static void out_sources(const struct audit_result *r, struct json_out *o)
{
	json_out_open(o, "captures", '[');
	for (uint32_t i = 0; i < r->n_sources; i++) {
		const struct audit_source *s = &r->sources[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "name", s->name);
		json_out_bool(o, "live", s->live);
		json_out_i64(o, "link_type", s->link_type);
		json_out_str(o, "link", s->link_name);
		json_out_u64(o, "snaplen", s->snaplen);
		json_out_u64(o, "packets", s->packets);
		json_out_u64(o, "bytes", s->bytes);
		json_out_u64(o, "dropped", s->dropped);
		json_out_u64(o, "truncated", s->truncated);
		out_range(o, s->packets, s->first_ns, s->last_ns);
		json_out_close(o);
	}
	json_out_close(o);
	if (r->sampling_max) {
		json_out_open(o, "sampling", '{');
		json_out_u64(o, "min", r->sampling_min);
		json_out_u64(o, "max", r->sampling_max);
		json_out_close(o);
	} else {
		json_out_null(o, "sampling");
	}
}

static void out_doubts(const struct audit_result *r, struct json_out *o)
{
	json_out_open(o, "doubts", '[');
	for (unsigned i = 0; i < DOUBT_KINDS; i++) {
		if (!r->doubts[i])
			continue;
		json_out_open(o, NULL, '{');
		json_out_str(o, "reason", audit_doubt_name((enum audit_doubt)i));
		json_out_u64(o, "count", r->doubts[i]);
		json_out_str(o, "text", audit_doubt_text((enum audit_doubt)i));
		json_out_close(o);
	}
	json_out_close(o);
}

/* --- classes and the matrix ---------------------------------------------------------- */

static void out_total(const struct audit_total *t, struct json_out *o)
{
	json_out_u64(o, "packets", t->packets);
	json_out_u64(o, "bytes", t->bytes);
	json_out_u64(o, "cross_rack_packets", t->crossing);
	json_out_u64(o, "cross_rack_bytes", t->crossing_bytes);
	json_out_u64(o, "cross_pod_packets", t->crossing_pods);
	json_out_u64(o, "outside_packets", t->outside);
	json_out_u64(o, "violations", t->violations);
}

static void out_classes(const struct audit_result *r, struct json_out *o)
{
	const struct audit_topology *t = r->topology;

	json_out_open(o, "classes", '[');
	for (uint32_t i = 0; i < t->n_classes; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "name", t->classes[i].name);
		json_out_str(o, "filter", t->classes[i].expression);
		json_out_bool(o, "critical", t->classes[i].critical);
		json_out_u64(o, "matched_packets", r->total[i].matched);
		out_total(&r->total[i], o);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_open(o, "unclassified", '{');
	out_total(&r->unclassified, o);
	json_out_close(o);
	json_out_open(o, "unknown", '{');
	out_total(&r->unknown, o);
	json_out_close(o);
}

static void out_share(struct json_out *o, const char *key, uint64_t part, uint64_t whole)
{
	if (whole)
		json_out_real(o, key, (double)part / (double)whole);
	else
		json_out_null(o, key);
}

static uint64_t class_bytes(const struct audit_result *r, int class)
{
	if (class == AUDIT_UNKNOWN_CLASS)
		return r->unknown.bytes;
	return class == AUDIT_NO_CLASS ? r->unclassified.bytes : r->total[class].bytes;
}

static void out_matrix(const struct audit_result *r, struct json_out *o)
{
	const struct audit_topology *t = r->topology;

	json_out_open(o, "matrix", '[');
	for (uint32_t i = 0; i < r->n_cells; i++) {
		const struct audit_cell *c = &r->cells[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "class", audit_class_text(t, c->class));
		json_out_bool(o, "known", c->class != AUDIT_UNKNOWN_CLASS);
		json_out_open(o, "racks", '[');
		json_out_str(o, NULL, audit_rack_text(t, c->rack[0]));
		json_out_str(o, NULL, audit_rack_text(t, c->rack[1]));
		json_out_close(o);
		json_out_str(o, "crosses", audit_crosses(t, c->rack));
		json_out_u64(o, "packets", c->packets);
		json_out_u64(o, "bytes", c->bytes);
		json_out_u64(o, "forward_packets", c->forward);
		out_share(o, "share_of_class", c->bytes, class_bytes(r, c->class));
		out_share(o, "share", c->bytes, r->bytes);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_u64(o, "matrix_forgotten_packets", r->cells_forgotten);
}

/* --- packets and flows --------------------------------------------------------------- */

static void out_end(const struct audit_topology *t, const struct audit_violation *v, unsigned end,
        struct json_out *o)
{
	char address[AUDIT_WORD_MAX], mac[AUDIT_WORD_MAX], name[WIRE_NAME_BYTES];

	json_out_open(o, end ? "to" : "from", '{');
	json_out_str(o, "rack", audit_rack_text(t, v->rack[end]));
	json_out_str(o, "address", audit_address_text(v->net, &v->address[end], address));
	if (v->ports_known)
		json_out_u64(o, "port", v->port[end]);
	else
		json_out_null(o, "port");
	json_out_str(o, "mac", v->macs_known[end] ? audit_mac_text(v->mac[end], mac) : NULL);
	json_out_str(o, "component", v->ours ? wire_name(v->end[end], name) : NULL);
	json_out_close(o);
}

/* What a packet was, without braces. */
static void out_packet(
        const struct audit_result *r, const struct audit_violation *v, struct json_out *o)
{
	const struct audit_topology *t = r->topology;
	char at[AUDIT_WORD_MAX];

	json_out_u64(o, "frame", v->number);
	json_out_str(o, "capture", r->sources[v->source].name);
	json_out_i64(o, "time_ns", v->at_ns);
	json_out_str(o, "time", audit_time(v->at_ns, at));
	json_out_str(o, "class", audit_class_text(t, v->class));
	json_out_str(o, "net", audit_net_name(v->net));
	if (v->net == AUDIT_NET_IPV4 || v->net == AUDIT_NET_IPV6)
		json_out_u64(o, "protocol", v->protocol);
	else
		json_out_null(o, "protocol");
	out_end(t, v, 0, o);
	out_end(t, v, 1, o);
	if (v->ours) {
		json_out_u64(o, "request", v->request);
		json_out_u64(o, "token", v->token);
	}
}

static void out_violations(const struct audit_result *r, struct json_out *o)
{
	json_out_u64(o, "violations_total", r->violations);
	json_out_open(o, "violations_by_reason", '{');
	for (unsigned i = 0; i < AUDIT_REASONS; i++)
		json_out_u64(o, audit_reason_name((enum audit_reason)i), r->violations_by[i]);
	json_out_close(o);
	json_out_open(o, "violations", '[');
	for (uint32_t i = 0; i < r->n_kept; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "reason", audit_reason_name(r->kept[i].reason));
		out_packet(r, &r->kept[i], o);
		json_out_close(o);
	}
	json_out_close(o);
}

static void out_flow(const struct audit_result *r, const struct audit_flow *f, struct json_out *o)
{
	bool known = f->sent_known ? f->gaps > 0 : f->gaps > 1;

	json_out_open(o, NULL, '{');
	out_packet(r, &f->who, o);
	json_out_u64(o, "packets", f->packets);
	json_out_u64(o, "bytes", f->bytes);
	json_out_u64(o, "violations", f->violations);
	json_out_i64(o, "first_ns", f->first_ns);
	json_out_i64(o, "last_ns", f->last_ns);
	json_out_str(o, "jitter_from", f->sent_known ? "sent" : "gaps");
	if (known) {
		json_out_real(o, "jitter_ms", f->jitter_ns / 1e6);
		json_out_real(o, "jitter_max_ms", f->jitter_max_ns / 1e6);
	} else {
		json_out_null(o, "jitter_ms");
		json_out_null(o, "jitter_max_ms");
	}
	if (f->gaps) {
		json_out_real(o, "gap_mean_ms", f->gap_mean_ns / 1e6);
		json_out_real(o, "gap_max_ms", (double)f->gap_max_ns / 1e6);
	} else {
		json_out_null(o, "gap_mean_ms");
		json_out_null(o, "gap_max_ms");
	}
	json_out_close(o);
}

void render_audit(const struct audit_result *r, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	json_out_str(o, "schema", "lpuchaos.audit/1");
	json_out_str(o, "verdict", audit_verdict(r));
	out_topology(r->topology, o);
	out_sources(r, o);
	json_out_u64(o, "packets", r->packets);
	json_out_u64(o, "bytes", r->bytes);
	out_range(o, r->packets, r->first_ns, r->last_ns);
	out_doubts(r, o);
	out_violations(r, o);
	out_classes(r, o);
	out_matrix(r, o);
	json_out_open(o, "flows", '[');
	for (uint32_t i = 0; i < r->n_flows; i++)
		out_flow(r, &r->flows[i], o);
	json_out_close(o);
	json_out_u64(o, "flows_forgotten_packets", r->flows_forgotten);
	json_out_close(o);
}
