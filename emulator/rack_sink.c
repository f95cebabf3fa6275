/* The verbs of faults/sink.h as the rack understands them: each turns components into the indices
 * of its part, hands over, and looks anew at what is due next. */
#include "emulator/rack.h"

#include "emulator/rack_state.h"
#include "harness/base/mutant.h"

/* The rack's own instant goes with the fault's: what it wakes is due now, not when it last moved.
 */
static struct rack *rack_at(void *ctx, int64_t now)
{
	struct rack *r = ctx;

	CHECK(now >= r->now);
	r->now = now;
	r->parts_awake = true;
	return r;
}

static void sink_link_down(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	struct rack *r = rack_at(ctx, now);

	health_link_down(r, now, fault, r->d->topology.components[component].index);
	rack_reschedule(r);
}

static void sink_link_up(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	struct rack *r = rack_at(ctx, now);

	health_link_up(r, now, fault, r->d->topology.components[component].index);
	rack_reschedule(r);
}

static void sink_link_errors(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, const struct link_errors *law)
{
	struct rack *r = rack_at(ctx, now);

	errors_set(r, now, fault, r->d->topology.components[component].index, law);
	rack_reschedule(r);
}

static void sink_clock_drift(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, const struct clock_drift *law)
{
	struct rack *r = rack_at(ctx, now);

	drift_set(r, now, fault, component, law);
	rack_reschedule(r);
}

static void sink_cable_pull(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, uint32_t other)
{
	struct rack *r = rack_at(ctx, now);
	const struct component *all = r->d->topology.components;

	wiring_pull(r, now, fault, all[component].index,
	        other == UINT32_MAX ? COMPONENT_NONE : all[other].index);
	rack_reschedule(r);
}

static void sink_cable_plug(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	struct rack *r = rack_at(ctx, now);

	wiring_plug(r, now, fault, r->d->topology.components[component].index);
	rack_reschedule(r);
}

static void sink_cable_restore(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	struct rack *r = rack_at(ctx, now);

	wiring_restore(r, now, fault, r->d->topology.components[component].index);
	rack_reschedule(r);
}

static uint32_t hit_node(const struct rack *r, uint32_t component)
{
	uint32_t node = r->d->topology.components[component].node;
	uint32_t n = r->d->topology.nodes_per_rack;

	return MUTANT(WRONG_NODE) ? node / n * n + n - 1 - node % n : node;
}

static void sink_unit_lost(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, enum detection how)
{
	struct rack *r = rack_at(ctx, now);

	health_unit_lost(r, now, fault, hit_node(r, component), how);
	rack_reschedule(r);
}

static void sink_unit_restored(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	struct rack *r = rack_at(ctx, now);

	(void)fault;
	health_unit_restored(r, now, hit_node(r, component));
	rack_reschedule(r);
}

static void sink_reverted(void *ctx, int64_t now, uint32_t fault)
{
	struct rack *r = rack_at(ctx, now);

	power_reverted(r, now, fault);
	health_reverted(r, now, fault);
	rack_reschedule(r);
}

static void sink_control_lapse(void *ctx, int64_t now, uint32_t fault, uint32_t component,
        enum control_lapse what, unsigned detectors)
{
	struct rack *r = rack_at(ctx, now);
	uint32_t rack = r->d->topology.components[component].rack;

	monitor_begin(r, now, (struct lapse){fault, rack, what, detectors, false, 0});
	rack_reschedule(r);
}

static void sink_control_back(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	struct rack *r = rack_at(ctx, now);

	monitor_end(r, now, fault, r->d->topology.components[component].rack);
	rack_reschedule(r);
}

static void sink_frontend_down(void *ctx, int64_t now, uint32_t fault, uint32_t frontend)
{
	struct rack *r = rack_at(ctx, now);

	frontends_down(r, now, fault, frontend);
	rack_reschedule(r);
}

static void sink_frontend_up(void *ctx, int64_t now, uint32_t fault, uint32_t frontend)
{
	struct rack *r = rack_at(ctx, now);

	(void)fault;
	frontends_up(r, now, frontend);
	rack_reschedule(r);
}

static void sink_ether_delay(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, const struct ether_delay *law)
{
	struct rack *r = rack_at(ctx, now);

	fabric_set(r, now, fault, r->d->topology.components[component].index, law);
	rack_reschedule(r);
}

static void sink_slow(void *ctx, int64_t now, uint32_t fault, uint32_t component, uint32_t ppm,
        enum slow_mode mode)
{
	struct rack *r = rack_at(ctx, now);

	clocking_set(r, now, &(struct slow_unit){fault, component, ppm, mode, false});
	rack_reschedule(r);
}

static void sink_sdc(void *ctx, int64_t now, uint32_t fault, uint32_t component, uint32_t ppb)
{
	struct rack *r = rack_at(ctx, now);

	sdc_set(r, now, fault, component, ppb);
	rack_reschedule(r);
}

static void sink_pdu_open(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, enum detection how)
{
	struct rack *r = rack_at(ctx, now);

	power_begin(r, now, &(struct power_fault){fault, component, POWER_OPENS, how, 0});
	rack_reschedule(r);
}

static void sink_pdu_skew(void *ctx, int64_t now, uint32_t fault, uint32_t component,
        uint32_t fullest_ppm, enum detection how)
{
	struct rack *r = rack_at(ctx, now);

	power_begin(r, now, &(struct power_fault){fault, component, POWER_SKEWS, how, fullest_ppm});
	rack_reschedule(r);
}

static void sink_power_load(void *ctx, int64_t now, uint32_t fault, uint32_t component,
        int64_t node_mw, enum detection how)
{
	struct rack *r = rack_at(ctx, now);

	power_begin(r, now, &(struct power_fault){fault, component, POWER_LOADS, how, node_mw});
	rack_reschedule(r);
}

static void sink_power_end(void *ctx, int64_t now, uint32_t fault, uint32_t component)
{
	struct rack *r = rack_at(ctx, now);

	power_end(r, now, fault, component);
	rack_reschedule(r);
}

static void sink_artifact_rollout(
        void *ctx, int64_t now, uint32_t fault, uint32_t pool, const struct artifact_change *change)
{
	struct rack *r = rack_at(ctx, now);

	release_rollout(r, now, fault, pool, change);
	rack_reschedule(r);
}

static void sink_artifact_withdraw(void *ctx, int64_t now, uint32_t fault, uint32_t pool)
{
	struct rack *r = rack_at(ctx, now);

	release_withdraw(r, now, fault, pool);
	rack_reschedule(r);
}

static void sink_artifact_host_time(
        void *ctx, int64_t now, uint32_t fault, uint32_t pool, int64_t by_ns)
{
	struct rack *r = rack_at(ctx, now);

	release_host_time(r, now, fault, pool, by_ns);
	rack_reschedule(r);
}

static void sink_artifact_stale(
        void *ctx, int64_t now, uint32_t fault, uint32_t pool, const struct artifact_offer *offer)
{
	struct rack *r = rack_at(ctx, now);

	release_stale(r, now, fault, pool, offer);
	rack_reschedule(r);
}

static void sink_artifact_recompile(
        void *ctx, int64_t now, uint32_t fault, uint32_t pool, const struct artifact_compile *job)
{
	struct rack *r = rack_at(ctx, now);

	release_recompile(r, now, fault, pool, job);
	rack_reschedule(r);
}

static void sink_artifact_call_off(void *ctx, int64_t now, uint32_t fault, uint32_t pool)
{
	struct rack *r = rack_at(ctx, now);

	release_call_off(r, now, fault, pool);
	rack_reschedule(r);
}

static void sink_variants(void *ctx, int64_t now, uint32_t fault, const uint32_t *tenants,
        uint32_t n, const struct shape_variants *shapes)
{
	struct rack *r = rack_at(ctx, now);

	variants_set(r, now, fault, tenants, n, shapes);
	rack_reschedule(r);
}

static void sink_heat(
        void *ctx, int64_t now, uint32_t fault, uint32_t component, const struct heat *h)
{
	struct rack *r = rack_at(ctx, now);

	cooling_set(r, now, fault, component, h);
	rack_reschedule(r);
}

struct fault_sink rack_sink(struct rack *r)
{
	return (struct fault_sink){
	        .ctx = r,
	        .link_down = sink_link_down,
	        .link_up = sink_link_up,
	        .cable_pull = sink_cable_pull,
	        .cable_plug = sink_cable_plug,
	        .cable_restore = sink_cable_restore,
	        .link_errors = sink_link_errors,
	        .clock_drift = sink_clock_drift,
	        .unit_lost = sink_unit_lost,
	        .unit_restored = sink_unit_restored,
	        .reverted = sink_reverted,
	        .variants = sink_variants,
	        .ether_delay = sink_ether_delay,
	        .artifact_rollout = sink_artifact_rollout,
	        .artifact_withdraw = sink_artifact_withdraw,
	        .artifact_host_time = sink_artifact_host_time,
	        .artifact_stale = sink_artifact_stale,
	        .artifact_recompile = sink_artifact_recompile,
	        .artifact_call_off = sink_artifact_call_off,
	        .slow = sink_slow,
	        .sdc = sink_sdc,
	        .pdu_open = sink_pdu_open,
	        .pdu_skew = sink_pdu_skew,
	        .power_load = sink_power_load,
	        .power_end = sink_power_end,
	        .heat = sink_heat,
	        .control_lapse = sink_control_lapse,
	        .control_back = sink_control_back,
	        .frontend_down = sink_frontend_down,
	        .frontend_up = sink_frontend_up,
	};
}
