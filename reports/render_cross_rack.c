/* "cross_rack" of a result: the stated position of instances that lie across racks, and what it
 * cost in this run. A latency is shown twice, as it was and with crossings that take no time. */
#include "harness/base/units.h"
#include "reports/render.h"

static void ms_json(struct json_out *o, const char *key, double ns)
{
	if (ns < 0)
		json_out_null(o, key);
	else
		json_out_real(o, key, ns / 1e6);
}

static void spread_json(struct json_out *o, const char *key, const struct result_spread *s)
{
	if (key)
		json_out_open(o, key, '{');
	ms_json(o, "mean", s->mean_ns);
	ms_json(o, "p50", (double)s->p50_ns);
	ms_json(o, "p99", (double)s->p99_ns);
	if (key)
		json_out_close(o);
}

static void pair_json(
        struct json_out *o, const char *key, bool known, const struct result_spread s[static 2])
{
	if (!known) {
		json_out_null(o, key);
		return;
	}
	json_out_open(o, key, '{');
	spread_json(o, NULL, &s[0]);
	spread_json(o, "without", &s[1]);
	json_out_close(o);
}

static void count_json(struct json_out *o, const char *key, bool known, uint64_t n)
{
	if (known)
		json_out_u64(o, key, n);
	else
		json_out_null(o, key);
}

void render_cross_rack(const struct result_cross_rack *c, struct json_out *o)
{
	if (!c)
		return;
	json_out_open(o, "cross_rack", '{');
	json_out_str(o, "position", c->position);
	json_out_str(o, "rationale", c->rationale);
	json_out_str(o, "envelope", c->envelope);
	json_out_str(o, "label", c->label);
	json_out_str(o, "reach", c->reach);
	json_out_u64(o, "instances", c->instances);
	json_out_u64(o, "hops", c->hops);
	json_out_u64(o, "ethernet_hops", c->ethernet_hops);
	json_out_str(o, "basis", c->stated ? "stated" : "compiled");
	json_out_open(o, "frame_ms", '{');
	ms_json(o, "with", (double)c->frame_ns[0]);
	ms_json(o, "without", (double)c->frame_ns[1]);
	json_out_close(o);
	count_json(o, "late", c->known, c->late);
	ms_json(o, "extra_ms_sum", c->known ? (double)c->extra_ns_sum : -1.0);
	count_json(o, "lost", c->known, c->lost);
	pair_json(o, "ttft_ms", c->known, c->ttft);
	pair_json(o, "tpot_ms", c->known, c->tpot);
	json_out_close(o);
}

static void pair_text(struct text *t, const char *name, int64_t with, int64_t without)
{
	if (with >= 0 && without >= 0)
		text_printf(t, ", %s %.3f ms (%.3f)", name, ns_to_ms(with), ns_to_ms(without));
}

void render_cross_rack_text(const struct result_cross_rack *c, struct text *t)
{
	if (!c)
		return;
	text_printf(t,
	        "\n  across racks (%s): %u instance%s, %u hop%s a frame from rack to rack%s\n",
	        c->position, (unsigned)c->instances, c->instances == 1 ? "" : "s",
	        (unsigned)c->hops, c->hops == 1 ? "" : "s",
	        c->ethernet_hops ? ", over Ethernet" : "");
	if (!c->known) {
		text_printf(t, "    what they cost is not known\n");
		return;
	}
	text_printf(t, "    and if they took no time: %llu requests late, %.3f ms together",
	        (unsigned long long)c->late, ns_to_ms(c->extra_ns_sum));
	if (c->lost)
		text_printf(t, ", %llu lost", (unsigned long long)c->lost);
	pair_text(t, "frame", c->frame_ns[0], c->frame_ns[1]);
	pair_text(t, "TPOT p50", c->tpot[0].p50_ns, c->tpot[1].p50_ns);
	pair_text(t, "p99", c->tpot[0].p99_ns, c->tpot[1].p99_ns);
	text_printf(t, "\n");
}
