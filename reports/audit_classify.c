/* What one packet is, from itself alone.
 *
 * A class is the first whose filter is met, so a filter that cannot be answered spoils it: BPF says
 * no when a load falls beyond the captured bytes, and of a packet that was captured in part that no
 * may be wrong. Of such packets each no is held against a key of all captured bytes: where it rests
 * on more than those, it is taken for unknown. The class is known if a filter before all unknown
 * ones is met. Likewise with headers that contradict themselves: what they do match, they match,
 * but that they match nothing proves nothing. And where an end could not be read as far as the
 * topology may ask for it, nobody knows in which rack it is. */
#include "reports/audit_places.h"
#include "reports/audit_private.h"

/* Where the fixed headers end: addresses are in them. */
enum { IPV4_END = 14 + 20, IPV6_END = 14 + 40 };

/* A no that rests on bytes that were not captured, perhaps. */
static bool is_doubtful(const struct filter *filter, const struct audit_frame *f)
{
	struct filter_key all = {{0, 0}};
	bool beyond = false;

	for (uint32_t i = 0; i < f->captured && i < FILTER_KEY_BYTES; i++)
		all.bits[i / 64] |= UINT64_C(1) << i % 64;
	return !filter_run(filter, f->bytes, f->captured, f->wire, &all, &beyond) && beyond;
}

/* Whether an end may be known by something that could not be read. */
static bool ends_are_doubtful(const struct audit_topology *t, const struct audit_frame *f)
{
	const struct audit_places *p = t->places;
	bool addresses, ports;

	if (f->state == FRAME_WHOLE)
		return false;
	ports = audit_places_have(p, PLACE_SOCKET) || audit_places_have(p, PLACE_PORT);
	addresses = audit_places_have(p, PLACE_IPV4) || audit_places_have(p, PLACE_IPV6);
	if (audit_places_have(p, PLACE_COMPONENT))
		return true;
	switch (f->net) {
	case AUDIT_NET_IPV4:
		return ports || f->captured < IPV4_END;
	case AUDIT_NET_IPV6:
		return ports || f->captured < IPV6_END;
	case AUDIT_NET_OURS:
		return !f->macs_known[0] || !f->macs_known[1];
	default:
		return ports || addresses || !f->macs_known[0] || !f->macs_known[1];
	}
}

static void ask(const struct audit_topology *t, const struct audit_frame *f, uint64_t which,
        struct finding *x, uint64_t *beyond, uint64_t *unknown)
{
	bool cut = f->captured < f->wire;

	for (; which; which &= which - 1) {
		unsigned c = (unsigned)__builtin_ctzll(which);
		uint64_t bit = UINT64_C(1) << c;
		bool more = false;

		if (filter_run(
		            &t->classes[c].filter, f->bytes, f->captured, f->wire, &f->key, &more))
			x->matched |= bit;
		else if (cut && more && is_doubtful(&t->classes[c].filter, f))
			*unknown |= bit;
		if (more)
			*beyond |= bit;
	}
}

static void choose(const struct audit_topology *t, const struct audit_frame *f, uint64_t unknown,
        struct finding *x)
{
	uint64_t first = x->matched & -x->matched; /* 0 if none */

	if (unknown & (first - 1) || ends_are_doubtful(t, f) ||
	        (f->state == FRAME_BROKEN && !first))
		x->class = AUDIT_UNKNOWN_CLASS;
	else
		x->class = first ? (int16_t)__builtin_ctzll(first) : (int16_t)AUDIT_NO_CLASS;
	classify_close(t, x);
}

void classify_close(const struct audit_topology *t, struct finding *x)
{
	const int *r = x->rack;
	bool critical = x->class >= 0 && t->classes[x->class].critical;

	x->outside = r[0] < 0 || r[1] < 0;
	x->crosses = !x->outside && r[0] != r[1];
	x->crosses_pods = x->crosses && t->racks[r[0]].pod != t->racks[r[1]].pod;
	x->reason = AUDIT_NO_REASON;
	if (critical && x->outside)
		x->reason = AUDIT_END_OUTSIDE;
	else if (critical && t->scope == AUDIT_SCOPE_RACK && x->crosses)
		x->reason = AUDIT_CROSS_RACK;
	else if (critical && t->scope == AUDIT_SCOPE_POD && x->crosses_pods)
		x->reason = AUDIT_CROSS_POD;
	else if (x->class == AUDIT_NO_CLASS && x->crosses &&
	         t->unclassified == AUDIT_UNCLASSIFIED_FAIL)
		x->reason = AUDIT_UNCLASSIFIED_CROSSES;
}

void classify(const struct audit_topology *t, const struct audit_frame *f, struct finding *out,
        uint64_t *beyond)
{
	uint64_t all = t->n_classes == 64 ? UINT64_MAX : (UINT64_C(1) << t->n_classes) - 1;
	uint64_t unknown = 0;

	*beyond = 0;
	*out = (struct finding){.rack = {audit_rack_of(t, f, 0), audit_rack_of(t, f, 1)}};
	ask(t, f, all, out, beyond, &unknown);
	choose(t, f, unknown, out);
}

void classify_again(const struct audit_topology *t, const struct audit_frame *f, uint64_t which,
        struct finding *x)
{
	uint64_t unknown = 0, beyond = 0;

	x->matched &= ~which;
	ask(t, f, which, x, &beyond, &unknown);
	choose(t, f, unknown, x);
}
