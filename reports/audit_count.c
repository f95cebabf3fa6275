/* Adding up: the matrix, totals by class, violations. */
#include <string.h>
#include "harness/base/arena.h"
#include "reports/audit_private.h"

struct audit_total *count_total(struct audit *a, int class)
{
	if (class == AUDIT_UNKNOWN_CLASS)
		return &a->result.unknown;
	return class == AUDIT_NO_CLASS ? &a->result.unclassified : &a->result.total[class];
}

/* --- cells --------------------------------------------------------------------------- */

static uint32_t cell_hash(int class, int low, int high)
{
	uint64_t h = (uint64_t)(uint32_t)(low + 1) << 32 | (uint64_t)(uint32_t)(high + 1) << 8 |
	             (uint64_t)(uint32_t)(class + 2);

	h *= 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9u;
	return (uint32_t)(h >> 32);
}

static void cells_grow(struct cells *c)
{
	uint32_t slots = c->mask ? 2 * (c->mask + 1) : 1024;

	mem_free(c->slots);
	c->slots = mem_alloc(slots, sizeof(*c->slots));
	c->mask = slots - 1;
	for (uint32_t i = 0; i < c->n; i++) {
		const struct audit_cell *cell = &c->cell[i];
		uint32_t h = cell_hash(cell->class, cell->rack[0], cell->rack[1]);

		while (c->slots[h & c->mask])
			h++;
		c->slots[h & c->mask] = i + 1;
	}
}

/* NULL: there are as many as there may be. */
static struct audit_cell *cell_of(struct cells *c, int class, int low, int high)
{
	uint32_t h = cell_hash(class, low, high);

	if (2 * c->n >= c->mask)
		cells_grow(c);
	for (; c->slots[h & c->mask]; h++) {
		struct audit_cell *cell = &c->cell[c->slots[h & c->mask] - 1];

		if (cell->class == class && cell->rack[0] == low && cell->rack[1] == high)
			return cell;
	}
	if (c->n == AUDIT_CELLS_MAX)
		return NULL;
	c->cell = mem_room(c->cell, c->n, &c->capacity, sizeof(*c->cell));
	c->cell[c->n] = (struct audit_cell){.class = class, .rack = {low, high}};
	c->slots[h & c->mask] = c->n + 1;
	return &c->cell[c->n++];
}

void count_packets(struct audit *a, const struct finding *x, uint64_t packets, uint64_t bytes)
{
	struct audit_total *t = count_total(a, x->class);
	bool forward = x->rack[0] <= x->rack[1];
	struct audit_cell *cell = cell_of(&a->cells, x->class, x->rack[!forward], x->rack[forward]);

	for (uint64_t m = x->matched; m; m &= m - 1)
		a->result.total[__builtin_ctzll(m)].matched += packets;
	t->packets += packets;
	t->bytes += bytes;
	t->crossing += x->crosses ? packets : 0;
	t->crossing_bytes += x->crosses ? bytes : 0;
	t->crossing_pods += x->crosses_pods ? packets : 0;
	t->outside += x->outside ? packets : 0;
	if (cell) {
		cell->packets += packets;
		cell->bytes += bytes;
		cell->forward += forward ? packets : 0;
	} else {
		a->result.cells_forgotten += packets;
	}
}

/* --- violations ---------------------------------------------------------------------- */

void describe(struct audit_violation *v, const struct finding *x, const struct packet *p,
        const struct audit_frame *f)
{
	*v = (struct audit_violation){.number = p->number,
	        .source = p->source,
	        .at_ns = p->at_ns,
	        .class = x->class,
	        .rack = {x->rack[0], x->rack[1]},
	        .reason = x->reason < 0 ? AUDIT_REASONS : (enum audit_reason)x->reason,
	        .net = f->net,
	        .protocol = f->protocol,
	        .ports_known = f->ports_known,
	        .ours = f->ours_valid};
	for (unsigned i = 0; i < 2; i++) {
		v->port[i] = f->port[i];
		v->address[i] = f->address[i];
		v->macs_known[i] = f->macs_known[i];
		memcpy(v->mac[i], f->mac[i], sizeof(v->mac[i]));
	}
	if (f->ours_valid) {
		v->end[0] = f->ours.from;
		v->end[1] = f->ours.to;
		v->request = f->ours.request;
		v->token = f->ours.token;
	}
}

void count_violations(struct audit *a, const struct finding *x, uint64_t n)
{
	a->result.violations += n;
	a->result.violations_by[x->reason] += n;
	count_total(a, x->class)->violations += n;
}

void count_violation(struct audit *a, const struct finding *x, const struct packet *p,
        const struct audit_frame *f)
{
	count_violations(a, x, 1);
	if (a->result.n_kept < a->config.violations_max)
		describe(&a->kept[a->result.n_kept++], x, p, f);
}
