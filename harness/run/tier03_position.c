/* Section (d): whether the critical path may cross racks, why, within what, and what the packets of
 * every run say of it. */
#include <string.h>

#include "emulator/deployment.h"
#include "harness/base/units.h"
#include "harness/run/tier03_parts.h"

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same(const struct cross_rack_spec *a, const struct cross_rack_spec *b)
{
	return a->position == b->position && same_text(a->rationale, b->rationale) &&
	       same_text(a->envelope, b->envelope);
}

static bool counts(const struct tier03 *t, uint32_t i)
{
	return (t->harm[i] || t->remedy[i]) && t->list->items[i]->has_deployment;
}

static const struct cross_rack_spec *spec_of(const struct tier03 *t, uint32_t i)
{
	return &t->list->items[i]->deployment.cross_rack;
}

/* Another deployment before it says the same. */
static bool is_said(const struct tier03 *t, uint32_t i)
{
	for (uint32_t k = t->suite->first; k < i; k++)
		if (counts(t, k) && same(spec_of(t, k), spec_of(t, i)))
			return true;
	return false;
}

static void write_position(struct tier03 *t, uint32_t i)
{
	const struct cross_rack_spec *spec = spec_of(t, i);
	uint32_t end = t->suite->first + t->suite->n;

	json_out_open(t->o, NULL, '{');
	json_out_str(t->o, "position", cross_rack_position_name(spec->position));
	json_out_str(t->o, "rationale", spec->rationale);
	json_out_str(t->o, "envelope", spec->envelope);
	tier03_say(t, truth_name(spec->label), "Critical paths across racks are %s%s%s.",
	        cross_rack_position_name(spec->position), spec->rationale ? ": " : "",
	        spec->rationale ? spec->rationale : "");
	json_out_open(t->o, "scenarios", '[');
	for (uint32_t k = i; k < end; k++)
		if (counts(t, k) && same(spec_of(t, k), spec))
			json_out_str(t->o, NULL, t->list->items[k]->name);
	json_out_close(t->o);
	tier03_evidence(t);
	for (uint32_t k = i; k < end; k++)
		if (counts(t, k) && same(spec_of(t, k), spec))
			tier03_link_run(t, k, "bundle.json", "/scenario");
	tier03_evidence_end(t);
	json_out_close(t->o);
}

static void write_costs(struct tier03 *t, const struct result_cross_rack *x)
{
	if (!x || !x->known) {
		json_out_null(t->o, "costs");
		return;
	}
	json_out_open(t->o, "costs", '{');
	json_out_u64(t->o, "hops", x->hops);
	json_out_u64(t->o, "ethernet_hops", x->ethernet_hops);
	tier03_ms(t, "frame_ms", x->frame_ns[0]);
	tier03_ms(t, "frame_without_ms", x->frame_ns[1]);
	tier03_ms(t, "ttft_p99_ms", x->ttft[0].p99_ns);
	tier03_ms(t, "ttft_p99_without_ms", x->ttft[1].p99_ns);
	tier03_ms(t, "tpot_p99_ms", x->tpot[0].p99_ns);
	tier03_ms(t, "tpot_p99_without_ms", x->tpot[1].p99_ns);
	json_out_close(t->o);
}

static void write_verdict(struct tier03 *t, const struct scenario *s, const struct result_audit *a)
{
	json_out_str(t->o, "audit", a->verdict);
	json_out_str(t->o, "scope", a->scope);
	json_out_u64(t->o, "packets", a->packets);
	json_out_u64(t->o, "critical", a->critical);
	json_out_u64(t->o, "violations", a->violations);
	json_out_str(t->o, "shown", a->shown);
	json_out_str(t->o, "worst_mapping", a->worst);
	json_out_bool(t->o, "agrees", a->agrees);
	tier03_say(t, "inference",
	        "Of the packets of %s that were captured, %llu of %llu critical ones left their "
	        "%s; "
	        "by every mapping the path ran within the %s at most.",
	        s->name, (unsigned long long)a->violations, (unsigned long long)a->critical,
	        a->scope, strcmp(a->worst, "beyond") == 0 ? "reach of Ethernet" : a->worst);
}

static void write_audit(struct tier03 *t, uint32_t i)
{
	const struct scenario *s = t->list->items[i];
	const struct verdict_run *run = t->runs[i];

	if (!run || !run->doc.audit)
		return;
	json_out_open(t->o, NULL, '{');
	json_out_str(t->o, "scenario", s->name);
	json_out_str(t->o, "role", t->remedy[i] ? "remedy" : "harm");
	json_out_str(t->o, "position", cross_rack_position_name(s->deployment.cross_rack.position));
	json_out_str(t->o, "deployed_reach", link_class_name(deployment_reach(&s->deployment)));
	write_verdict(t, s, run->doc.audit);
	write_costs(t, run->doc.cross_rack);
	tier03_evidence(t);
	tier03_link_run(t, i, "audit.json", "/verdict");
	tier03_link_run(t, i, "result.json", "/audit");
	tier03_link_run(t, i, "capture.pcap", NULL);
	tier03_evidence_end(t);
	json_out_close(t->o);
}

void tier03_position(struct tier03 *t)
{
	uint32_t first = t->suite->first, end = first + t->suite->n;

	json_out_open(t->o, "cross_rack", '{');
	tier03_say(t, "inference",
	        "A deployment says whether its critical path may cross racks. What its packets "
	        "show "
	        "is audited in every run, apart from what the control plane believes.");
	tier03_evidence(t);
	tier03_link(t, t->names[0], "/cross_rack/audits");
	tier03_evidence_end(t);
	json_out_open(t->o, "positions", '[');
	for (uint32_t i = first; i < end; i++)
		if (counts(t, i) && !is_said(t, i))
			write_position(t, i);
	json_out_close(t->o);
	json_out_open(t->o, "audits", '[');
	for (uint32_t i = first; i < end; i++)
		if (counts(t, i))
			write_audit(t, i);
	json_out_close(t->o);
	json_out_close(t->o);
}
