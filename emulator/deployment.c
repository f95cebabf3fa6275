/* A deployment from its object. What the object leaves out comes from the hardware file, number by
 * number, so that a default and its truth label are written once; what it states replaces the
 * number in the parameter list too, labelled assumption with "deployment" as its source.
 *
 * Order: hardware, topology, model, Ethernet and health, then the pools (which need all of these),
 * then the judgement that no instance lies across racks unless the deployment allows it. */
#include "emulator/deployment_parts.h"

#include <stddef.h>
#include <string.h>
#include "harness/base/units.h"

const char *const weights_from_names[] = {"host_dram", "registry", NULL};
const char *const position_names[] = {"forbidden", "allowed", NULL};
static const char *const label_names[] = {"fact", "inference", "assumption", NULL};

struct raw_deployment {
	struct jval hardware, model, pools, ethernet, health, compile_farm, power, cooling,
	        cross_rack;
	struct jval cable_plan;
	int64_t frontends;
};

static const struct field deployment_fields[] = {
        {.name = "hardware",
                .type = FIELD_VALUE,
                .offset = offsetof(struct raw_deployment, hardware),
                .help = "path or object; default: emulator/hardware/lpuv1.json"},
        {.name = "model",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_deployment, model),
                .help = "shape of the model; default: llama-3.1-8b"},
        {.name = "pools",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_deployment, pools),
                .flags = FIELD_REQUIRED,
                .help = "instances of one timetable, in order of preference"},
        {.name = "ethernet",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_deployment, ethernet),
                .help = "client and cross-rack network"},
        {.name = "health",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_deployment, health),
                .help = "detection and failover"},
        {.name = "compile_farm",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_deployment, compile_farm),
                .help = "who compiles what no artifact exists for"},
        {.name = "power",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_deployment, power),
                .help = "PDUs, feeds and powering up"},
        {.name = "cooling",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_deployment, cooling),
                .help = "temperatures and throttling"},
        {.name = "frontends",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_deployment, frontends),
                .fallback = "2",
                .min = 1,
                .max = FRONTENDS_MAX,
                .unit = "processes",
                .help = "that clients are connected to, fe0, fe1, …; requests are spread over "
                        "them by id",
                .label = "assumption",
                .source = "one and a spare"},
        {.name = "cable_plan",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_deployment, cable_plan),
                .help = "which cable belongs into which ports"},
        {.name = "cross_rack",
                .type = FIELD_OBJECT,
                .offset = offsetof(struct raw_deployment, cross_rack),
                .help = "the stated position on critical paths that leave their rack"},
};

/* --- defaults from the hardware ------------------------------------------------------ */

/* Where a key's default stands, for keys whose default is a number of the hardware file. */
struct hardware_fallback {
	const char *key;
	enum hardware_key from;
	size_t offset; /* of an int64_t in the out structure */
};

static void take_fallbacks(struct jval v, const struct hardware_fallback *list, size_t n,
        const struct hardware *hw, void *out)
{
	for (size_t i = 0; i < n; i++) {
		int64_t value = hardware_i64(hw, list[i].from);

		if (json_type(v) == JSON_NONE || json_type(json_get(v, list[i].key)) == JSON_NONE)
			memcpy((char *)out + list[i].offset, &value, sizeof(value));
	}
}

/* What the deployment states replaces the hardware's number, also in what reports list. */
static void override_parameters(struct jval v, const struct hardware_fallback *list, size_t n,
        const void *in, struct deployment *d)
{
	for (size_t i = 0; i < n; i++) {
		struct parameter *p = &d->parameters[list[i].from];
		int64_t value;

		if (json_type(v) == JSON_NONE || json_type(json_get(v, list[i].key)) == JSON_NONE)
			continue;
		memcpy(&value, (const char *)in + list[i].offset, sizeof(value));
		p->value = (double)value;
		p->unit = strcmp(p->unit, "count") ? "ns" : "count";
		p->label = TRUTH_ASSUMPTION;
		p->source = "deployment";
	}
}

/* --- Ethernet ------------------------------------------------------------------------ */

struct raw_ethernet {
	int64_t ingress_delay_ns, hop_ns, lanes, rto_min_ns;
};

static const struct field ethernet_fields[] = {
        {.name = "ingress_delay",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_ethernet, ingress_delay_ns),
                .fallback = "\"0ns\"",
                .max = 60 * NS_PER_S,
                .unit = "ns",
                .help = "client to frontend, each way, a message",
                .label = "assumption"},
        {.name = "hop",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_ethernet, hop_ns),
                .max = 60 * NS_PER_S,
                .unit = "ns",
                .help = "one message over an Ethernet hop of a critical path, healthy"},
        {.name = "lanes",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_ethernet, lanes),
                .min = 1,
                .max = 64,
                .unit = "lanes",
                .help = "parallel flows of a cross-rack hop; the slowest one counts"},
        {.name = "rto_min",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_ethernet, rto_min_ns),
                .min = 1,
                .max = 60 * NS_PER_S,
                .unit = "ns",
                .help = "first retransmission of a lost message"},
};

static const struct hardware_fallback ethernet_fallbacks[] = {
        {"hop", HW_ETHERNET_HOP, offsetof(struct raw_ethernet, hop_ns)},
        {"lanes", HW_ETHERNET_LANES, offsetof(struct raw_ethernet, lanes)},
        {"rto_min", HW_ETHERNET_RTO_MIN, offsetof(struct raw_ethernet, rto_min_ns)},
};

static enum status parse_ethernet(struct jval v, struct deployment *d, struct error *err)
{
	struct raw_ethernet raw = {0};
	enum status rc = ERR_NONE;

	if (json_type(v) != JSON_NONE)
		rc = json_read(v, ethernet_fields, ARRAY_LEN(ethernet_fields), &raw, err);
	if (rc)
		return rc;
	take_fallbacks(v, ethernet_fallbacks, ARRAY_LEN(ethernet_fallbacks), &d->hardware, &raw);
	override_parameters(v, ethernet_fallbacks, ARRAY_LEN(ethernet_fallbacks), &raw, d);
	d->ethernet = (struct ethernet_spec){
	        raw.ingress_delay_ns, raw.hop_ns, (uint32_t)raw.lanes, raw.rto_min_ns};
	return ERR_NONE;
}

/* --- health -------------------------------------------------------------------------- */

struct raw_health {
	int64_t poll_period_ns, polls, timeout_ns, persist_ns, suspicions, suspect_window_ns;
	int64_t isolate_ns, remap_ns, resync_ns, resume_ns, autonomy_ns;
	int64_t frontend_check_ns, frontend_checks;
	int64_t link_scan_ns, link_scan_errors;
	double drift_budget_ppm;
	int weights_from;
	bool checksum;
};

#define HEALTH_DURATION(key, member, low, text)                                                    \
	{                                                                                          \
		.name = key, .type = FIELD_DURATION,                                               \
		.offset = offsetof(struct raw_health, member), .min = (low),                       \
		.max = 24 * 3600 * NS_PER_S, .unit = "ns", .help = text                            \
	}

static const struct field health_fields[] = {
        HEALTH_DURATION("poll_period", poll_period_ns, 1,
                "polled detection: at multiples of it from t = 0"),
        {.name = "polls",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_health, polls),
                .min = 1,
                .max = 1000,
                .unit = "polls",
                .help = "found at this poll after the effect"},
        HEALTH_DURATION("timeout", timeout_ns, 0, "time-out after the last finished frame"),
        HEALTH_DURATION("persist", persist_ns, 0, "a link down for longer is persistent: evict"),
        {.name = "suspicions",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_health, suspicions),
                .min = 1,
                .max = 1000,
                .unit = "events",
                .help = "so many within suspect_window: evict"},
        HEALTH_DURATION("suspect_window", suspect_window_ns, 1, "memory of the suspicion rule"),
        HEALTH_DURATION("isolate", isolate_ns, 0, "from detection to isolation"),
        HEALTH_DURATION("remap", remap_ns, 0,
                "the whole of a remap; default: remap_time + weights / bandwidth"),
        HEALTH_DURATION("resync", resync_ns, 0, "bring-up and alignment of the new mapping"),
        HEALTH_DURATION("resume", resume_ns, 0, "until the first frame"),
        {.name = "autonomy",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_health, autonomy_ns),
                .fallback = "\"0s\"",
                .max = 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "a rack cut off from its control plane evicts by itself this long after "
                        "a detection; 0s: never, failover waits until it is reached again",
                .label = "assumption",
                .source = "no public figure; 0s is the worst case"},
        {.name = "link_scan",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_health, link_scan_ns),
                .fallback = "\"0s\"",
                .max = 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "the monitor reads the error counters of all links in use at multiples of "
                        "it from t = 0; 0s = never",
                .label = "assumption",
                .source = "corrected errors are logged as an early sign of wear (ISCA 2020); that "
                          "anybody reads the log in time is not published"},
        {.name = "link_scan_errors",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_health, link_scan_errors),
                .fallback = "10",
                .min = 1,
                .max = 1000000000,
                .unit = "errors",
                .help = "so many on a link between two scans: its guiltier end moves to the spare",
                .label = "assumption",
                .source = "no published figure; above single upsets, below a burst of tens of "
                          "frames"},
        {.name = "drift_budget",
                .type = FIELD_REAL,
                .offset = offsetof(struct raw_health, drift_budget_ppm),
                .rmin = 0,
                .rmax = 1000000,
                .unit = "ppm",
                .help = "drift between two clocks that resynchronisation absorbs; default: twice "
                        "clock_drift",
                .label = "inference",
                .source = "two crystals at opposite ends of their range; exchanges of counters "
                          "outpace drift, the rate of adjustment is bounded (ISCA 2022) and not "
                          "published"},
        {.name = "frontend_check",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_health, frontend_check_ns),
                .fallback = "\"2s\"",
                .min = 1,
                .max = 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "the balancer checks its frontends at multiples of it from t = 0",
                .label = "assumption",
                .source = "HAProxy's default, inter 2s"},
        {.name = "frontend_checks",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_health, frontend_checks),
                .fallback = "3",
                .min = 1,
                .max = 1000,
                .unit = "checks",
                .help = "a frontend is taken out at this failed check in a row",
                .label = "assumption",
                .source = "HAProxy's default, fall 3"},
        {.name = "weights_from",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_health, weights_from),
                .fallback = "\"host_dram\"",
                .choices = weights_from_names,
                .help = "where a spare loads its weights",
                .label = "assumption"},
        {.name = "checksum",
                .type = FIELD_BOOL,
                .offset = offsetof(struct raw_health, checksum),
                .fallback = "false",
                .help = "results carry a checksum: silent corruption (chip.sdc) is flagged in its "
                        "frame, which is replayed",
                .label = "assumption",
                .source = "no machine of this kind is known to check its results end to end"},
};

static const struct hardware_fallback health_fallbacks[] = {
        {"poll_period", HW_POLL_PERIOD, offsetof(struct raw_health, poll_period_ns)},
        {"polls", HW_POLLS, offsetof(struct raw_health, polls)},
        {"timeout", HW_DETECT_TIMEOUT, offsetof(struct raw_health, timeout_ns)},
        {"persist", HW_PERSIST_THRESHOLD, offsetof(struct raw_health, persist_ns)},
        {"suspicions", HW_SUSPICIONS, offsetof(struct raw_health, suspicions)},
        {"suspect_window", HW_SUSPECT_WINDOW, offsetof(struct raw_health, suspect_window_ns)},
        {"isolate", HW_ISOLATE_TIME, offsetof(struct raw_health, isolate_ns)},
        {"remap", HW_REMAP_TIME, offsetof(struct raw_health, remap_ns)},
        {"resync", HW_RESYNC_TIME, offsetof(struct raw_health, resync_ns)},
        {"resume", HW_RESUME_TIME, offsetof(struct raw_health, resume_ns)},
};

static enum status parse_health(struct jval v, struct deployment *d, struct error *err)
{
	bool budget_given =
	        json_type(v) != JSON_NONE && json_type(json_get(v, "drift_budget")) != JSON_NONE;
	struct raw_health raw;
	enum status rc = ERR_NONE;

	json_defaults(health_fields, ARRAY_LEN(health_fields), &raw);
	if (json_type(v) != JSON_NONE)
		rc = json_read(v, health_fields, ARRAY_LEN(health_fields), &raw, err);
	if (rc)
		return rc;
	take_fallbacks(v, health_fallbacks, ARRAY_LEN(health_fallbacks), &d->hardware, &raw);
	if (!budget_given)
		raw.drift_budget_ppm =
		        (double)(int64_t)(2e9 * d->hardware.base[HW_CLOCK_DRIFT] + 0.5) / 1e3;
	override_parameters(v, health_fallbacks, ARRAY_LEN(health_fallbacks), &raw, d);
	d->health = (struct health_spec){
	        .poll_period_ns = raw.poll_period_ns,
	        .polls = (uint32_t)raw.polls,
	        .timeout_ns = raw.timeout_ns,
	        .persist_ns = raw.persist_ns,
	        .suspicions = (uint32_t)raw.suspicions,
	        .suspect_window_ns = raw.suspect_window_ns,
	        .autonomy_ns = raw.autonomy_ns,
	        .frontend_check_ns = raw.frontend_check_ns,
	        .frontend_checks = (uint32_t)raw.frontend_checks,
	        .isolate_ns = raw.isolate_ns,
	        .resync_ns = raw.resync_ns,
	        .resume_ns = raw.resume_ns,
	        .remap_ns = raw.remap_ns,
	        .link_scan_ns = raw.link_scan_ns,
	        .drift_budget_ppm = raw.drift_budget_ppm,
	        .drift_budget_given = budget_given,
	        .link_scan_errors = (uint64_t)raw.link_scan_errors,
	        .remap_fixed =
	                json_type(v) != JSON_NONE && json_type(json_get(v, "remap")) != JSON_NONE,
	        .weights_from = (enum weights_from)raw.weights_from,
	        .checksum = raw.checksum,
	        .host_dram_bytes_per_s = d->hardware.base[HW_HOST_LOAD_BANDWIDTH],
	        .registry_bytes_per_s = d->hardware.base[HW_REGISTRY_BANDWIDTH],
	};
	return ERR_NONE;
}

/* --- compile farm -------------------------------------------------------------------- */

struct raw_compile_farm {
	int64_t workers, compile_ns;
};

static const struct field compile_farm_fields[] = {
        {.name = "workers",
                .type = FIELD_INT,
                .offset = offsetof(struct raw_compile_farm, workers),
                .fallback = "1",
                .min = 1,
                .max = COMPILE_WORKERS_MAX,
                .unit = "compiles",
                .help = "at work at once; others wait in the order in which they came",
                .label = "assumption",
                .source = "one build host; nothing is published"},
        {.name = "compile_time",
                .type = FIELD_DURATION,
                .offset = offsetof(struct raw_compile_farm, compile_ns),
                .fallback = "\"15m\"",
                .flags = FIELD_EXCLUSIVE_MIN,
                .max = 30 * 24 * 3600 * NS_PER_S,
                .unit = "ns",
                .help = "of one artifact",
                .label = "assumption",
                .source = "GroqFlow proof points: BERT-tiny 1 min, BERT-base and RoBERTa about "
                          "15, YOLOv6-n about 60; for LLMs nothing is published"},
};

static enum status parse_compile_farm(struct jval v, struct deployment *d, struct error *err)
{
	struct raw_compile_farm raw;
	enum status rc = ERR_NONE;

	json_defaults(compile_farm_fields, ARRAY_LEN(compile_farm_fields), &raw);
	if (json_type(v) != JSON_NONE)
		rc = json_read(v, compile_farm_fields, ARRAY_LEN(compile_farm_fields), &raw, err);
	d->compile_farm = (struct compile_farm_spec){(uint32_t)raw.workers, raw.compile_ns};
	return rc;
}

bool compile_farm_is_default(const struct compile_farm_spec *farm)
{
	struct raw_compile_farm raw;

	json_defaults(compile_farm_fields, ARRAY_LEN(compile_farm_fields), &raw);
	return farm->workers == raw.workers && farm->compile_ns == raw.compile_ns;
}

static bool find_key(
        const struct hardware_fallback *list, size_t n, enum hardware_key from, const char **key)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].from == from) {
			*key = list[i].key;
			return true;
		}
	return false;
}

bool deployment_own_key(enum hardware_key from, const char **section, const char **key)
{
	*section = "ethernet";
	if (find_key(ethernet_fallbacks, ARRAY_LEN(ethernet_fallbacks), from, key))
		return true;
	*section = "health";
	if (find_key(health_fallbacks, ARRAY_LEN(health_fallbacks), from, key))
		return true;
	*section = "power";
	return facility_own_key(from, key);
}

/* --- cross-rack position ------------------------------------------------------------- */

struct raw_cross_rack {
	int position, label;
	const char *rationale, *envelope;
};

static const struct field cross_rack_fields[] = {
        {.name = "position",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_cross_rack, position),
                .fallback = "\"forbidden\"",
                .choices = position_names,
                .help = "whether an instance may lie across racks, over Ethernet or C2C cables; "
                        "forbidden: it is refused"},
        {.name = "rationale",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_cross_rack, rationale),
                .help = "why"},
        {.name = "envelope",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_cross_rack, envelope),
                .help = "the conditions under which it holds"},
        {.name = "label",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_cross_rack, label),
                .fallback = "\"assumption\"",
                .choices = label_names,
                .help = "truth label of the envelope"},
};

const char *cross_rack_position_name(enum cross_rack_position p)
{
	return position_names[p];
}

static const char *copy(struct arena *arena, const char *s)
{
	return s ? arena_strndup(arena, s, strlen(s)) : NULL;
}

static enum status parse_cross_rack(
        struct jval v, struct arena *arena, struct deployment *d, struct error *err)
{
	struct raw_cross_rack raw;
	enum status rc = ERR_NONE;

	json_defaults(cross_rack_fields, ARRAY_LEN(cross_rack_fields), &raw);
	if (json_type(v) != JSON_NONE)
		rc = json_read(v, cross_rack_fields, ARRAY_LEN(cross_rack_fields), &raw, err);
	if (rc)
		return rc;
	d->cross_rack = (struct cross_rack_spec){(enum cross_rack_position)raw.position,
	        copy(arena, raw.rationale), copy(arena, raw.envelope), (enum truth)raw.label};
	return ERR_NONE;
}

/* The first link of an instance's path that joins two racks, or COMPONENT_NONE. */
static uint32_t first_crossing(const struct topology *t, const uint32_t *nodes, uint32_t n)
{
	for (uint32_t i = 0; i + 1 < n; i++) {
		uint32_t links[2], n_links = topology_hop(t, nodes[i], nodes[i + 1], links);

		for (uint32_t k = 0; k < n_links; k++)
			if (topology_link_crosses(t, links[k]))
				return links[k];
	}
	return COMPONENT_NONE;
}

static uint32_t racks_of(const struct topology *t, const uint32_t *nodes, uint32_t n)
{
	uint32_t racks = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = 0;

		while (k < i &&
		        topology_rack_of_node(t, nodes[k]) != topology_rack_of_node(t, nodes[i]))
			k++;
		racks += k == i;
	}
	return racks;
}

static enum status refuse_position(struct jval pool, const struct deployment *d,
        const struct pool_spec *p, uint32_t instance, uint32_t link, struct error *err)
{
	const struct topology *t = &d->topology;
	const struct link *l = &t->links[link];

	return json_error(pool, err,
	        "expected every instance within one rack (cross_rack.position is \"forbidden\"; "
	        "\"allowed\", with its rationale, permits it, and a run then measures what it "
	        "costs), "
	        "found instance %u across %u racks: from %s to %s over %s",
	        instance, racks_of(t, pool_nodes(p, instance), p->nodes_per_instance),
	        t->components[l->rack_a].name, t->components[l->rack_b].name,
	        t->components[l->component].name);
}

static enum status judge_position(struct jval pools, const struct deployment *d, struct error *err)
{
	if (d->cross_rack.position == CROSS_RACK_ALLOWED)
		return ERR_NONE;
	for (uint32_t i = 0; i < d->n_pools; i++) {
		const struct pool_spec *p = &d->pools[i];

		for (uint32_t k = 0; k < p->n_instances; k++) {
			uint32_t link = first_crossing(
			        &d->topology, pool_nodes(p, k), p->nodes_per_instance);

			if (link != COMPONENT_NONE)
				return refuse_position(json_at(pools, i), d, p, k, link, err);
		}
	}
	return ERR_NONE;
}

enum link_class deployment_reach(const struct deployment *d)
{
	enum link_class reach = LINK_C2C_NODE;

	for (uint32_t i = 0; i < d->n_pools; i++)
		for (uint32_t k = 0; k < d->pools[i].n_instances; k++) {
			enum link_class r = topology_reach(&d->topology,
			        pool_nodes(&d->pools[i], k), d->pools[i].nodes_per_instance);

			if (r > reach)
				reach = r;
		}
	return reach;
}

uint32_t deployment_artifacts(const struct deployment *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_pools; i++) {
		const char *digest = d->pools[i].artifact_digest;
		uint32_t same = 0;

		while (same < i && !(digest && d->pools[same].artifact_digest &&
		                           !strcmp(digest, d->pools[same].artifact_digest)))
			same++;
		n += same == i;
	}
	return n;
}

void deployment_tables(struct field_table tables[static DEPLOYMENT_TABLES])
{
	size_t n = 0;

	tables[n++] = (struct field_table){"", deployment_fields, ARRAY_LEN(deployment_fields)};
	n += model_tables(tables + n);
	n += pool_tables(tables + n);
	n += artifact_tables(tables + n);
	tables[n++] = (struct field_table){"ethernet", ethernet_fields, ARRAY_LEN(ethernet_fields)};
	tables[n++] = (struct field_table){"health", health_fields, ARRAY_LEN(health_fields)};
	tables[n++] = (struct field_table){
	        "compile_farm", compile_farm_fields, ARRAY_LEN(compile_farm_fields)};
	n += facility_tables(tables + n);
	tables[n++] =
	        (struct field_table){"cross_rack", cross_rack_fields, ARRAY_LEN(cross_rack_fields)};
	n += cables_tables(tables + n);
	CHECK(n == DEPLOYMENT_TABLES);
}

/* --- frontends ----------------------------------------------------------------------- */

static void name_frontends(struct deployment *d, uint32_t n, struct arena *arena)
{
	d->n_frontends = n;
	d->frontends = ARENA_ARRAY(arena, const char *, n);
	for (uint32_t i = 0; i < n; i++)
		d->frontends[i] = arena_printf(arena, "fe%u", i);
}

/* --- the object ---------------------------------------------------------------------- */

static void list_parameters(struct arena *arena, struct deployment *d)
{
	d->n_parameters = HW_COUNT;
	d->parameters = ARENA_ARRAY(arena, struct parameter, HW_COUNT + FACILITY_PARAMETERS);
	memcpy(d->parameters, d->hardware.parameters, sizeof(d->hardware.parameters));
}

enum status deployment_parse(struct jval v, const struct file_loader *loader, struct arena *arena,
        struct deployment *out, struct error *err)
{
	struct warning_list warnings = {0};
	struct topology_spec wiring;
	struct raw_deployment raw;
	enum status rc;

	*out = (struct deployment){0};
	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "a deployment object");
	rc = json_read(v, deployment_fields, ARRAY_LEN(deployment_fields), &raw, err);
	if (!rc)
		rc = hardware_parse(raw.hardware, loader, arena, &out->hardware, &warnings, err);
	if (rc)
		return rc;
	list_parameters(arena, out);
	name_frontends(out, (uint32_t)raw.frontends, arena);
	hardware_topology(&out->hardware, &wiring);
	topology_build(&out->topology, &wiring, arena);
	rc = model_parse(raw.model, arena, &out->model_shape, err);
	if (!rc)
		rc = parse_ethernet(raw.ethernet, out, err);
	if (!rc)
		rc = parse_health(raw.health, out, err);
	if (!rc)
		rc = parse_compile_farm(raw.compile_farm, out, err);
	if (!rc)
		rc = facility_parse(raw.power, raw.cooling, out, err);
	if (!rc)
		rc = parse_cross_rack(raw.cross_rack, arena, out, err);
	if (!rc)
		rc = cables_parse(raw.cable_plan, &out->topology, arena, &out->cable_plan, err);
	if (!rc)
		rc = pools_parse(raw.pools, arena, out, err);
	if (!rc)
		rc = judge_position(raw.pools, out, err);
	out->model = out->model_shape.name;
	out->n_warnings = warnings.n;
	out->warnings = warnings.text;
	return rc;
}
