#include "faults/packet_link.h"

#include <stdio.h>

#include "faults/message_law.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"

enum { LAW_NAME_MAX = 112 };

struct link_fault {
	bool delays, cuts;
	struct message_law law;
	double last[PACKET_DIRECTIONS]; /* correlated uniform of the last packet, < 0 = none yet */
	uint8_t chain[PACKET_DIRECTIONS];
};

struct packet_link {
	uint64_t seed;
	const char *const *ids;
	struct link_fault *faults;
	uint32_t n_faults;
	struct {
		uint64_t packets;
		int64_t goes; /* the last one that was not dropped */
	} directions[PACKET_DIRECTIONS];
};

struct packet_link *packet_link_new(
        uint64_t seed, const char *const *ids, uint32_t n_faults, struct arena *arena)
{
	struct packet_link *link = arena_must(arena, sizeof(*link));

	*link = (struct packet_link){.seed = seed, .ids = ids, .n_faults = n_faults};
	link->faults = ARENA_ARRAY(arena, struct link_fault, n_faults + 1);
	for (uint32_t i = 0; i < n_faults; i++)
		link->faults[i] = (struct link_fault){.last = {-1, -1}};
	return link;
}

void packet_link_free(struct packet_link *link)
{
	for (uint32_t i = 0; link && i < link->n_faults; i++)
		message_law_free(&link->faults[i].law);
}

/* --- verbs
 * ----------------------------------------------------------------------------------------- */

static void ether_delay(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, const struct ether_delay *d)
{
	struct packet_link *link = ctx;
	struct link_fault *f = &link->faults[fault];
	char name[LAW_NAME_MAX];

	(void)component;
	CHECK(fault < link->n_faults);
	message_law_free(&f->law);
	f->law = (struct message_law){0};
	f->delays = d != NULL;
	if (!d)
		return;
	(void)snprintf(name, sizeof(name), "%s/0", link->ids[fault]);
	message_law_init(&f->law, link->seed, name, now, d);
}

static void control_lapse(void *ctx, int64_t now, uint32_t fault, uint32_t component,
        enum control_lapse what, unsigned detectors)
{
	struct packet_link *link = ctx;

	(void)now;
	(void)component;
	(void)detectors;
	CHECK(fault < link->n_faults);
	link->faults[fault].cuts = what == LAPSE_CUT;
}

static void control_back(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	control_lapse(ctx, now, fault, component, LAPSE_SILENT, 0);
}

struct fault_sink packet_link_sink(struct packet_link *link)
{
	return (struct fault_sink){.ctx = link,
	        .ether_delay = ether_delay,
	        .control_lapse = control_lapse,
	        .control_back = control_back};
}

/* --- packets
 * --------------------------------------------------------------------------------------- */

/* By one fault: how late packet m is for it, or PACKET_DROPPED. Chains are stepped in any case. */
static int64_t fate(struct link_fault *f, uint32_t direction, uint64_t m, int64_t now)
{
	struct message_law *l = &f->law;
	int64_t over = l->from + l->d.outage_ns;
	double *last = &f->last[direction];
	uint64_t bits = prng_at(l->key, direction, m);
	int64_t late = message_delay(l, now, bits, last, *last >= 0);
	bool lost = l->loss_num && message_lost(l, direction, m, &f->chain[direction]);

	if (lost || (l->d.outage_ns && now < over))
		return PACKET_DROPPED;
	return late + (now < over + l->d.settle_ns ? l->d.settle_extra_ns : 0);
}

int64_t packet_link_pass(struct packet_link *link, uint32_t direction, int64_t now)
{
	uint64_t m = link->directions[direction].packets++;
	int64_t goes = now;
	bool dropped = false;

	for (uint32_t i = 0; i < link->n_faults; i++) {
		struct link_fault *f = &link->faults[i];
		int64_t late = f->delays ? fate(f, direction, m, now) : 0;

		dropped |= f->cuts || late == PACKET_DROPPED;
		goes += late > 0 ? late : 0;
	}
	if (dropped)
		return PACKET_DROPPED;
	if (goes < link->directions[direction].goes)
		goes = link->directions[direction].goes;
	link->directions[direction].goes = goes;
	return goes;
}
