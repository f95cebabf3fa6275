/* What crosses racks, flow by flow: how much, and how unsteadily it comes. The table keeps the
 * flows that come first and throws none out; what it has no room for is counted.
 *
 * Delay variation is RFC 3550's, section 6.4.1: J += (|D| − J) / 16, with D the difference of two
 * packets' transit times. Our own messages carry the instant at which they were sent, so D is what
 * the network did. Others do not: with a steady sender D is the difference of two gaps, and with an
 * unsteady one it holds the sender's part, too. */
#include <string.h>
#include "harness/base/arena.h"
#include "reports/audit_private.h"

enum flow_form { FORM_ADDRESSES, FORM_COMPONENTS, FORM_MACS };

static void identify(const struct finding *x, const struct audit_frame *f, struct flow_id *id)
{
	memset(id, 0, sizeof(*id));
	id->net = (uint8_t)f->net;
	id->class = (uint8_t)(x->class + 2);
	if (f->ours_valid) {
		id->form = FORM_COMPONENTS;
		memcpy(id->address[0], &f->ours.from, sizeof(f->ours.from));
		memcpy(id->address[1], &f->ours.to, sizeof(f->ours.to));
	} else if (f->net == AUDIT_NET_IPV4 || f->net == AUDIT_NET_IPV6) {
		id->form = FORM_ADDRESSES;
		id->protocol = f->protocol;
		memcpy(id->address, f->address, sizeof(id->address));
		if (f->ports_known)
			memcpy(id->port, f->port, sizeof(id->port));
	} else {
		id->form = FORM_MACS;
		memcpy(id->address[0], f->mac[0], sizeof(f->mac[0]));
		memcpy(id->address[1], f->mac[1], sizeof(f->mac[1]));
	}
}

static uint32_t id_hash(const struct flow_id *id)
{
	uint64_t w[(sizeof(*id) + 7) / 8] = {0}, h = 0x9e3779b97f4a7c15u;

	memcpy(w, id, sizeof(*id));
	for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
		__uint128_t m = (__uint128_t)(h ^ w[i]) * 0xa0761d6478bd642fu;

		h = (uint64_t)m ^ (uint64_t)(m >> 64) ^ w[i] << 7;
	}
	return (uint32_t)(h ^ h >> 32);
}

uint32_t flow_of(struct flows *w, const struct finding *x, const struct packet *p,
        const struct audit_frame *f)
{
	struct flow_id id;
	struct flow_slot *s;
	uint32_t h;

	identify(x, f, &id);
	for (h = id_hash(&id); w->index[h & w->mask]; h++)
		if (memcmp(&w->slots[w->index[h & w->mask] - 1].id, &id, sizeof(id)) == 0)
			return w->index[h & w->mask] - 1;
	if (w->n == w->n_max)
		return AUDIT_NO_FLOW;
	w->index[h & w->mask] = w->n + 1;
	s = &w->slots[w->n];
	s->id = id;
	describe(&s->flow.who, x, p, f);
	s->flow.first_ns = s->flow.last_ns = p->at_ns;
	s->flow.sent_known = f->ours_valid;
	return w->n++;
}

static void jitter(struct audit_flow *f, double d)
{
	f->jitter_ns += ((d < 0 ? -d : d) - f->jitter_ns) / 16;
	if (f->jitter_ns > f->jitter_max_ns)
		f->jitter_max_ns = f->jitter_ns;
}

static void time_packet(struct flow_slot *s, const struct packet *p, const struct audit_frame *f)
{
	int64_t gap = p->at_ns - s->last_at_ns;

	if (!s->timed || s->source != p->source) {
		s->gapped = false;
	} else {
		s->flow.gaps++;
		s->gaps_ns += (double)gap;
		if (gap > s->flow.gap_max_ns)
			s->flow.gap_max_ns = gap;
		if (s->flow.sent_known)
			jitter(&s->flow,
			        (double)(gap - ((__int128)f->ours.sent_ns - s->last_sent_ns)));
		else if (s->gapped)
			jitter(&s->flow, (double)((__int128)gap - s->last_gap_ns));
		s->gapped = true;
		s->last_gap_ns = gap;
	}
	s->timed = true;
	s->source = p->source;
	s->last_at_ns = p->at_ns;
	s->last_sent_ns = f->ours.sent_ns;
}

void flow_packets(struct flow_slot *s, const struct finding *x, uint64_t n, uint64_t bytes)
{
	s->flow.packets += n;
	s->flow.bytes += bytes;
	s->flow.violations += x->reason >= 0 ? n : 0;
}

void flow_packet(struct flow_slot *s, const struct finding *x, const struct packet *p,
        const struct audit_frame *f)
{
	struct audit_flow *flow = &s->flow;

	flow_packets(s, x, 1, p->wire);
	if (p->at_ns < flow->first_ns)
		flow->first_ns = p->at_ns;
	if (p->at_ns > flow->last_ns)
		flow->last_ns = p->at_ns;
	if (f)
		time_packet(s, p, f);
}

void flow_close(struct flow_slot *s)
{
	if (s->flow.gaps)
		s->flow.gap_mean_ns = s->gaps_ns / (double)s->flow.gaps;
}
