/* What the control plane does not see or cannot order any more. The rack's own reflexes (a frame
 * that is replayed, a breaker that opens) need no control plane; what needs it is asked here:
 *
 *   blind    the detectors of a rack say nothing: a detection that is due waits until they
 *            see again, a polled one for the next poll after that
 *   cut      detections are made in the rack, but nobody hears of them: the order to evict
 *            waits until the rack is reached again, or for health.autonomy after the
 *            detection, when the rack's own controller acts for itself
 *   silent   nothing is measured for others: live signals have no value
 *
 * A lapse takes effect when something is missed: a detection, the next poll or heartbeat, the next
 * sample of the 10 ms grid. A rack that is cut off counts as unreachable (detected) after
 * health.timeout without a heartbeat. */
#include "emulator/rack_state.h"

#define SAMPLES_NS (10 * NS_PER_MS) /* the grid of live signals (DESIGN §2) */

void monitor_free(struct rack *r)
{
	mem_free(r->monitor.lapses);
}

static int64_t next_multiple(int64_t now, int64_t period)
{
	return (now + period - 1) / period * period;
}

static void plan(struct rack *r)
{
	struct monitor *m = &r->monitor;

	m->next_at = NS_NEVER;
	for (uint32_t i = 0; i < m->n; i++)
		if (m->lapses[i].next_at < m->next_at)
			m->next_at = m->lapses[i].next_at;
}

void monitor_begin(struct rack *r, int64_t now, struct lapse lapse)
{
	struct monitor *m = &r->monitor;
	int64_t poll = next_multiple(now, r->d->health.poll_period_ns);

	m->lapses = mem_room(m->lapses, m->n, &m->capacity, sizeof(*m->lapses));
	lapse.next_at = NS_NEVER;
	if (lapse.what == LAPSE_SILENT)
		lapse.next_at = next_multiple(now, SAMPLES_NS);
	else if (lapse.what == LAPSE_CUT || lapse.detectors & 1u << DETECT_POLLED)
		lapse.next_at = poll;
	m->lapses[m->n++] = lapse;
	plan(r);
}

void monitor_end(struct rack *r, int64_t now, uint32_t fault, uint32_t rack)
{
	struct monitor *m = &r->monitor;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->lapses[i].fault != fault || m->lapses[i].rack != rack)
			m->lapses[kept++] = m->lapses[i];
	m->n = kept;
	plan(r);
	health_seen(r, now);
}

void monitor_step(struct rack *r, int64_t now)
{
	struct monitor *m = &r->monitor;

	for (uint32_t i = 0; i < m->n; i++) {
		struct lapse *l = &m->lapses[i];

		if (l->next_at > now)
			continue;
		l->next_at = NS_NEVER;
		if (l->missed) {
			rack_phase(r, l->fault, PHASE_DETECT, now);
			continue;
		}
		l->missed = true;
		rack_phase(r, l->fault, PHASE_EFFECT, now);
		if (l->what == LAPSE_CUT)
			l->next_at = now + r->d->health.timeout_ns;
	}
	plan(r);
}

bool monitor_is_blind(const struct rack *r, uint32_t rack, enum detection how)
{
	const struct monitor *m = &r->monitor;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->lapses[i].what == LAPSE_BLIND && m->lapses[i].rack == rack &&
		        m->lapses[i].detectors & 1u << how)
			return true;
	return false;
}

void monitor_missed(struct rack *r, int64_t now, uint32_t rack, enum detection how)
{
	const struct monitor *m = &r->monitor;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->lapses[i].what == LAPSE_BLIND && m->lapses[i].rack == rack &&
		        m->lapses[i].detectors & 1u << how)
			rack_phase(r, m->lapses[i].fault, PHASE_EFFECT, now);
}

bool monitor_is_cut(const struct rack *r, uint32_t rack)
{
	const struct monitor *m = &r->monitor;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->lapses[i].what == LAPSE_CUT && m->lapses[i].rack == rack)
			return true;
	return false;
}

bool monitor_is_silent(const struct rack *r)
{
	const struct monitor *m = &r->monitor;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->lapses[i].what == LAPSE_SILENT)
			return true;
	return false;
}

bool monitor_rack_is_silent(const struct rack *r, uint32_t rack)
{
	const struct monitor *m = &r->monitor;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->lapses[i].what == LAPSE_SILENT && m->lapses[i].rack == rack)
			return true;
	return false;
}

/* Silent is a pool with a node in a silent rack. */
bool monitor_pool_is_silent(const struct rack *r, const struct pool_spec *pool)
{
	const struct monitor *m = &r->monitor;

	for (uint32_t i = 0; i < m->n; i++)
		for (uint32_t n = 0; m->lapses[i].what == LAPSE_SILENT &&
		                     n < pool->n_instances * pool->nodes_per_instance;
		        n++)
			if (pool->nodes[n] / r->d->topology.nodes_per_rack == m->lapses[i].rack)
				return true;
	return false;
}
