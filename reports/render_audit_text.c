/* The audit for people: the verdict and why, what was looked at, the matrix, what was wrong, what
 * could have been missed. Lists are kept short; the whole is in the JSON. */
#include <stdio.h>
#include <string.h>
#include "reports/audit.h"
#include "reports/audit_words.h"
#include "reports/text.h"

enum { ROWS_MAX = 40, VIOLATIONS_MAX = 20, FLOWS_MAX = 10, END_MAX = 160 };

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void reason_line(struct text *t, const struct audit_result *r, enum audit_reason reason)
{
	static const char *const words[] = {
	        [AUDIT_CROSS_RACK] = "of a critical class went from rack to rack",
	        [AUDIT_CROSS_POD] = "of a critical class went from pod to pod",
	        [AUDIT_END_OUTSIDE] =
	                "of a critical class came from or went to an address in no rack",
	        [AUDIT_UNCLASSIFIED_CROSSES] = "of no class went from rack to rack"};
	uint64_t n = r->violations_by[reason];

	if (n)
		text_printf(
		        t, "  %llu packet%s %s\n", (unsigned long long)n, plural(n), words[reason]);
}

static void heading(struct text *t, const struct audit_result *r)
{
	const char *scope = audit_scope_name(r->topology->scope);

	text_printf(t, "%s  audit", r->fail ? "FAIL" : r->pass ? "PASS" : "INCONCLUSIVE");
	if (r->pass)
		text_printf(t, ": no packet of a critical class left its %s\n", scope);
	else if (r->fail)
		text_printf(t, ": %llu violation%s\n", (unsigned long long)r->violations,
		        plural(r->violations));
	else
		text_printf(t, ": no violation was seen, but something could have been missed\n");
	for (unsigned i = 0; i < AUDIT_REASONS; i++)
		reason_line(t, r, (enum audit_reason)i);
	for (unsigned i = 0; i < DOUBT_KINDS; i++)
		if (r->doubts[i])
			text_printf(t, "  doubt: %s (%llu): %s\n",
			        audit_doubt_name((enum audit_doubt)i),
			        (unsigned long long)r->doubts[i],
			        audit_doubt_text((enum audit_doubt)i));
	if (r->unclassified.crossing && r->topology->unclassified == AUDIT_UNCLASSIFIED_WARN)
		text_printf(t, "  warning: %llu packet%s of no class went from rack to rack\n",
		        (unsigned long long)r->unclassified.crossing,
		        plural(r->unclassified.crossing));
}

static void sources(struct text *t, const struct audit_result *r)
{
	const struct audit_topology *top = r->topology;
	char first[AUDIT_WORD_MAX], last[AUDIT_WORD_MAX];

	text_printf(t, "\n  topology %s: %u rack%s in %u pod%s, %u class%s\n", top->file,
	        (unsigned)top->n_racks, plural(top->n_racks), (unsigned)top->n_pods,
	        plural(top->n_pods), (unsigned)top->n_classes, top->n_classes == 1 ? "" : "es");
	for (uint32_t i = 0; i < r->n_sources; i++) {
		const struct audit_source *s = &r->sources[i];

		text_printf(t, "  %s %s (%s): %llu packets, %llu bytes\n",
		        s->live ? "interface" : "capture", s->name, s->link_name,
		        (unsigned long long)s->packets, (unsigned long long)s->bytes);
		if (s->packets)
			text_printf(t, "    from %s\n    to   %s (%.3f s)\n",
			        audit_time(s->first_ns, first), audit_time(s->last_ns, last),
			        (double)(s->last_ns - s->first_ns) / 1e9);
	}
	if (r->sampling_max && r->sampling_min == r->sampling_max)
		text_printf(t, "  lpuchaos' own frames: of 1 in %u requests\n",
		        (unsigned)r->sampling_max);
	else if (r->sampling_max)
		text_printf(t, "  lpuchaos' own frames: of 1 in %u to 1 in %u requests\n",
		        (unsigned)r->sampling_min, (unsigned)r->sampling_max);
}

/* --- the matrix ---------------------------------------------------------------------- */

static const char *class_word(const struct audit_topology *t, int class)
{
	if (class == AUDIT_UNKNOWN_CLASS)
		return "(unknown)";
	return class == AUDIT_NO_CLASS ? "(none)" : audit_class_text(t, class);
}

static const char *rack_word(const struct audit_topology *t, int rack)
{
	return rack < 0 ? "(outside)" : audit_rack_text(t, rack);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 0;
}

static void matrix_row(struct text *t, const struct audit_result *r, const struct audit_cell *c)
{
	const struct audit_topology *top = r->topology;
	const char *critical = c->class == AUDIT_UNKNOWN_CLASS   ? "?"
	                       : c->class == AUDIT_NO_CLASS      ? "-"
	                       : top->classes[c->class].critical ? "yes"
	                                                         : "no";
	uint64_t of_class = c->class >= 0                     ? r->total[c->class].bytes
	                    : c->class == AUDIT_UNKNOWN_CLASS ? r->unknown.bytes
	                                                      : r->unclassified.bytes;
	const char *crosses = audit_crosses(top, c->rack);
	char racks[END_MAX];

	if (c->rack[0] == c->rack[1])
		snprintf(racks, sizeof(racks), "%s", rack_word(top, c->rack[0]));
	else
		snprintf(racks, sizeof(racks), "%s - %s", rack_word(top, c->rack[0]),
		        rack_word(top, c->rack[1]));
	text_printf(t, "  %-16s %-8s %-24s %-8s %12llu %15llu %8.2f %% %8.2f %%\n",
	        class_word(top, c->class), critical, racks,
	        strcmp(crosses, "no") == 0 ? "-" : crosses, (unsigned long long)c->packets,
	        (unsigned long long)c->bytes, percent(c->bytes, of_class),
	        percent(c->bytes, r->bytes));
}

static void matrix(struct text *t, const struct audit_result *r)
{
	if (!r->n_cells)
		return;
	text_printf(t, "\n  %-16s %-8s %-24s %-8s %12s %15s %10s %10s\n", "class", "critical",
	        "racks", "crosses", "packets", "bytes", "of class", "of all");
	for (uint32_t i = 0; i < r->n_cells && i < ROWS_MAX; i++)
		matrix_row(t, r, &r->cells[i]);
	if (r->n_cells > ROWS_MAX)
		text_printf(t, "  … and %u rows more\n", (unsigned)(r->n_cells - ROWS_MAX));
	if (r->cells_forgotten)
		text_printf(t, "  %llu packets are in none of these rows: there are too many\n",
		        (unsigned long long)r->cells_forgotten);
}

/* --- violations and flows ------------------------------------------------------------ */

static const char *end_text(const struct audit_topology *t, const struct audit_violation *v,
        unsigned end, char buf[static END_MAX])
{
	char word[AUDIT_WORD_MAX], name[WIRE_NAME_BYTES];
	const char *who = audit_address_text(v->net, &v->address[end], word);
	bool brackets = who && v->net == AUDIT_NET_IPV6 && v->ports_known;
	int n;

	if (v->ours && v->net == AUDIT_NET_OURS)
		who = wire_name(v->end[end], name);
	if (!who)
		who = v->macs_known[end] ? audit_mac_text(v->mac[end], word) : "?";
	n = snprintf(buf, END_MAX, "%s %s%s%s", rack_word(t, v->rack[end]), brackets ? "[" : "",
	        who, brackets ? "]" : "");
	if (v->ports_known && n > 0 && n < END_MAX)
		snprintf(buf + n, END_MAX - (size_t)n, ":%u", v->port[end]);
	return buf;
}

static void violations(struct text *t, const struct audit_result *r)
{
	uint32_t n = r->n_kept < VIOLATIONS_MAX ? r->n_kept : VIOLATIONS_MAX;

	if (!n)
		return;
	text_printf(t, "\n  violations%s\n", n < r->violations ? ", the first ones" : "");
	for (uint32_t i = 0; i < n; i++) {
		const struct audit_violation *v = &r->kept[i];
		char at[AUDIT_WORD_MAX], from[END_MAX], to[END_MAX];

		text_printf(t, "  frame %llu%s%s  %s  %s %s: %s -> %s\n",
		        (unsigned long long)v->number, r->n_sources > 1 ? " of " : "",
		        r->n_sources > 1 ? r->sources[v->source].name : "",
		        audit_time(v->at_ns, at), class_word(r->topology, v->class),
		        audit_reason_name(v->reason), end_text(r->topology, v, 0, from),
		        end_text(r->topology, v, 1, to));
	}
}

static void flow_row(struct text *t, const struct audit_result *r, const struct audit_flow *f)
{
	char from[END_MAX], to[END_MAX];

	text_printf(t, "  %12llu ", (unsigned long long)f->packets);
	if (f->gaps > (f->sent_known ? 0 : 1))
		text_printf(t, "%12.6f ", f->jitter_ns / 1e6);
	else
		text_printf(t, "%12s ", "-");
	if (f->gaps)
		text_printf(t, "%12.6f", (double)f->gap_max_ns / 1e6);
	else
		text_printf(t, "%12s", "-");
	text_printf(t, "  %s: %s -> %s\n", class_word(r->topology, f->who.class),
	        end_text(r->topology, &f->who, 0, from), end_text(r->topology, &f->who, 1, to));
}

static void flows(struct text *t, const struct audit_result *r)
{
	uint32_t n = r->n_flows < FLOWS_MAX ? r->n_flows : FLOWS_MAX;

	if (!n)
		return;
	text_printf(t, "\n  %12s %12s %12s  flows from rack to rack%s\n", "packets", "jitter ms",
	        "gap max ms", n < r->n_flows ? ", the largest" : "");
	for (uint32_t i = 0; i < n; i++)
		flow_row(t, r, &r->flows[i]);
}

void render_audit_text(const struct audit_result *r, struct text *t)
{
	heading(t, r);
	sources(t, r);
	matrix(t, r);
	violations(t, r);
	flows(t, r);
}
