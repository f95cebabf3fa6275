/* "audit" of a result: what the packets of its own capture say, and whether that is what was judged
 * of the mapping. The audit itself, with every cell and violation, is audit.json. */
#include "reports/render.h"

void render_result_audit(const struct result_audit *a, struct json_out *o)
{
	if (!a) {
		json_out_null(o, "audit");
		return;
	}
	json_out_open(o, "audit", '{');
	json_out_str(o, "verdict", a->verdict);
	json_out_str(o, "scope", a->scope);
	json_out_u64(o, "packets", a->packets);
	json_out_u64(o, "critical", a->critical);
	json_out_u64(o, "violations", a->violations);
	json_out_u64(o, "sampling", a->sampling);
	json_out_u64(o, "frames", a->frames);
	json_out_u64(o, "left_out", a->left_out);
	json_out_open(o, "path", '{');
	json_out_str(o, "packets", a->shown);
	json_out_str(o, "judged", a->judged);
	json_out_str(o, "worst", a->worst);
	json_out_bool(o, "agrees", a->agrees);
	json_out_close(o);
	json_out_open(o, "doubts", '[');
	for (uint32_t i = 0; i < a->n_doubts; i++)
		json_out_str(o, NULL, a->doubts[i]);
	json_out_close(o);
	json_out_str(o, "capture", "capture.pcap");
	json_out_str(o, "topology", "topology.json");
	json_out_str(o, "file", "audit.json");
	json_out_close(o);
}

void render_result_audit_text(const struct result_audit *a, struct text *t)
{
	if (!a)
		return;
	text_printf(t, "\n  packets (1 request in %u, 1 frame of it in %u): %llu, ",
	        (unsigned)a->sampling, (unsigned)a->frames, (unsigned long long)a->packets);
	text_printf(t, "%llu of the critical path, %llu violation%s: %s",
	        (unsigned long long)a->critical, (unsigned long long)a->violations,
	        a->violations == 1 ? "" : "s", a->verdict);
	for (uint32_t i = 0; i < a->n_doubts; i++)
		text_printf(t, "%s%s", i ? ", " : " (", a->doubts[i]);
	text_printf(t, "%s\n", a->n_doubts ? ")" : "");
}
