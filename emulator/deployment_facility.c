/* What the building gives a deployment: power and cooling. Numbers that the hardware file has
 * (ratings, draws, the time of a boot) come from there unless the object states them; what it does
 * not have are thresholds of ours, each an assumption with its range. All of them are listed with
 * the deployment's parameters behind those of the hardware. */
#include <stddef.h>
#include <string.h>

#include "emulator/deployment_parts.h"
#include "harness/base/units.h"

/* --- power --------------------------------------------------------------------------- */

struct raw_power {
	double rating_kw, derating;
	int64_t trip_after_ns, boot_ns, stage_ns;
};

#define POWER(key, member, kind, ...)                                                              \
	{                                                                                          \
		.name = key, .type = kind, .offset = offsetof(struct raw_power, member),           \
		__VA_ARGS__                                                                        \
	}

static const struct field power_fields[] = {
        POWER("rating", rating_kw, FIELD_REAL, .rmin = 0.001, .rmax = 10000, .unit = "kW",
                .help = "what a PDU may carry; default: pdu_rating"),
        POWER("derating", derating, FIELD_REAL, .rmin = 0.01, .rmax = 1, .unit = "ratio",
                .help = "share of the rating above which it trips; default: pdu_derating"),
        POWER("trip_after", trip_after_ns, FIELD_DURATION, .fallback = "\"10s\"",
                .max = 24 * 3600 * NS_PER_S, .unit = "ns",
                .help = "a PDU overloaded for so long trips", .label = "assumption",
                .source = "thermal breakers take seconds to minutes at 1.1 to 2 times their "
                          "current; range 1 s to 10 min"),
        POWER("boot", boot_ns, FIELD_DURATION, .max = INT64_C(100000000000000000), .unit = "ns",
                .help = "from power back to a usable node; default: reboot_time"),
        POWER("stage", stage_ns, FIELD_DURATION, .fallback = "\"2s\"", .max = 24 * 3600 * NS_PER_S,
                .unit = "ns", .help = "between two nodes of a rack that are powered up",
                .label = "assumption",
                .source = "staggered start keeps the inrush low; no published figure; range 0 to "
                          "60 s"),
};

bool facility_own_key(enum hardware_key from, const char **key)
{
	*key = from == HW_PDU_RATING     ? "rating"
	       : from == HW_PDU_DERATING ? "derating"
	       : from == HW_REBOOT_TIME  ? "boot"
	                                 : NULL;
	return *key != NULL;
}

/* --- cooling ------------------------------------------------------------------------- */

struct raw_cooling {
	double inlet, rise, throttle_at, shutdown_at, slowest, ramp;
	int64_t sample_ns;
};

#define COOLING(key, member, kind, ...)                                                            \
	{                                                                                          \
		.name = key, .type = kind, .offset = offsetof(struct raw_cooling, member),         \
		.label = "assumption", __VA_ARGS__                                                 \
	}

static const struct field cooling_fields[] = {
        COOLING("inlet", inlet, FIELD_REAL, .fallback = "25", .rmin = 0.001, .rmax = 200,
                .unit = "degC", .help = "air that a node takes in",
                .source = "middle of the range that ASHRAE recommends for machine rooms (18 to 27 "
                          "degC); range 18 to 35"),
        COOLING("rise", rise, FIELD_REAL, .fallback = "40", .rmin = 0.001, .rmax = 200,
                .unit = "degC", .help = "what its chips are warmer than that, with all its airflow",
                .source = "no LPU temperature is published; range 20 to 50"),
        COOLING("throttle_at", throttle_at, FIELD_REAL, .fallback = "85", .rmin = 0.001,
                .rmax = 500, .unit = "degC", .help = "above it the clock is lowered",
                .source = "usual for accelerators; no LPU figure is published; range 80 to 95"),
        COOLING("shutdown_at", shutdown_at, FIELD_REAL, .fallback = "105", .rmin = 0.001,
                .rmax = 500, .unit = "degC", .help = "at it the node shuts itself down",
                .source = "usual for silicon; no LPU figure is published; range 95 to 115"),
        COOLING("slowest", slowest, FIELD_REAL, .fallback = "2", .rmin = 1, .rmax = 100,
                .unit = "times", .help = "frame time just below shutdown_at over the timetable's",
                .source = "half the clock; no LPU figure is published; range 1.2 to 4"),
        COOLING("ramp", ramp, FIELD_REAL, .fallback = "2", .rmin = 0.001, .rmax = 1000,
                .unit = "degC/s", .help = "how fast a node warms up and cools down",
                .source = "heat sinks of this power take tens of seconds; no published figure; "
                          "range 0.2 to 10"),
        COOLING("sample", sample_ns, FIELD_DURATION, .fallback = "\"1s\"", .min = NS_PER_MS,
                .max = 3600 * NS_PER_S, .unit = "ns",
                .help = "temperatures are looked at on multiples of it from t = 0",
                .source = "a sensor poll of the BMC; no published figure; range 100 ms to 10 s"),
};

static const char *const cooling_names[ARRAY_LEN(cooling_fields)] = {"cooling.inlet",
        "cooling.rise", "cooling.throttle_at", "cooling.shutdown_at", "cooling.slowest",
        "cooling.ramp", "cooling.sample"};

/* --- both ---------------------------------------------------------------------------- */

static bool states(struct jval v, const char *key)
{
	return json_type(v) != JSON_NONE && json_type(json_get(v, key)) != JSON_NONE;
}

/* The deployment replaces a number of the hardware, also in what reports list. */
static void replaced(struct deployment *d, enum hardware_key key, double value, const char *unit)
{
	struct parameter *p = &d->parameters[key];

	p->value = value;
	p->unit = unit;
	p->label = TRUTH_ASSUMPTION;
	p->source = "deployment";
}

/* A number that is in no hardware file: listed with its field's label, or as the deployment's. */
static void listed(struct deployment *d, struct jval v, const struct field *f, const char *name,
        const void *raw)
{
	const char *at = (const char *)raw + f->offset;
	struct parameter *p = &d->parameters[d->n_parameters++];
	int64_t whole;

	CHECK(d->n_parameters <= HW_COUNT + FACILITY_PARAMETERS && f->label);
	*p = (struct parameter){.name = name,
	        .unit = f->unit,
	        .source = states(v, f->name) ? "deployment" : f->source,
	        .label = TRUTH_ASSUMPTION};
	if (f->type == FIELD_REAL) {
		memcpy(&p->value, at, sizeof(p->value));
	} else {
		memcpy(&whole, at, sizeof(whole));
		p->value = (double)whole;
	}
}

static int64_t milli(double whole)
{
	return (int64_t)(whole * 1000 + 0.5);
}

static enum status parse_power(struct jval v, struct deployment *d, struct error *err)
{
	struct raw_power raw;
	struct power_spec *p = &d->power;
	enum status rc;

	json_defaults(power_fields, ARRAY_LEN(power_fields), &raw);
	if (json_type(v) != JSON_NONE) {
		rc = json_read(v, power_fields, ARRAY_LEN(power_fields), &raw, err);
		if (rc)
			return rc;
	}
	p->given = json_type(v) != JSON_NONE;
	if (states(v, "rating"))
		replaced(d, HW_PDU_RATING, raw.rating_kw, "kW");
	else
		raw.rating_kw = d->hardware.base[HW_PDU_RATING] / 1000;
	if (states(v, "derating"))
		replaced(d, HW_PDU_DERATING, raw.derating, "ratio");
	else
		raw.derating = d->hardware.base[HW_PDU_DERATING];
	if (states(v, "boot"))
		replaced(d, HW_REBOOT_TIME, (double)raw.boot_ns, "ns");
	else
		raw.boot_ns = hardware_i64(&d->hardware, HW_REBOOT_TIME);
	p->rating_kw = raw.rating_kw;
	p->derating = raw.derating;
	p->limit_mw = milli(raw.rating_kw * 1000 * raw.derating);
	p->node_mw = milli(d->hardware.base[HW_NODE_POWER]);
	p->trip_after_ns = raw.trip_after_ns;
	p->boot_ns = raw.boot_ns;
	p->stage_ns = raw.stage_ns;
	listed(d, v, &power_fields[2], "power.trip_after", &raw);
	listed(d, v, &power_fields[4], "power.stage", &raw);
	return ERR_NONE;
}

static enum status parse_cooling(struct jval v, struct deployment *d, struct error *err)
{
	struct cooling_spec *c = &d->cooling;
	struct raw_cooling raw;
	enum status rc;

	json_defaults(cooling_fields, ARRAY_LEN(cooling_fields), &raw);
	if (json_type(v) != JSON_NONE) {
		rc = json_read(v, cooling_fields, ARRAY_LEN(cooling_fields), &raw, err);
		if (rc)
			return rc;
	}
	*c = (struct cooling_spec){.given = json_type(v) != JSON_NONE,
	        .inlet = raw.inlet,
	        .rise = raw.rise,
	        .throttle_at = raw.throttle_at,
	        .shutdown_at = raw.shutdown_at,
	        .slowest = raw.slowest,
	        .ramp = raw.ramp,
	        .inlet_mc = milli(raw.inlet),
	        .rise_mc = milli(raw.rise),
	        .throttle_mc = milli(raw.throttle_at),
	        .shutdown_mc = milli(raw.shutdown_at),
	        .slowest_ppm = (uint32_t)(raw.slowest * 1e6 + 0.5),
	        .ramp_mc_per_s = milli(raw.ramp),
	        .sample_ns = raw.sample_ns};
	if (c->inlet_mc + c->rise_mc > c->throttle_mc)
		return json_error(v, err,
		        "expected inlet + rise of at most throttle_at, found %g + %g and %g",
		        c->inlet, c->rise, c->throttle_at);
	if (c->throttle_mc >= c->shutdown_mc)
		return json_error(v, err, "expected throttle_at below shutdown_at, found %g and %g",
		        c->throttle_at, c->shutdown_at);
	for (size_t i = 0; i < ARRAY_LEN(cooling_fields); i++)
		listed(d, v, &cooling_fields[i], cooling_names[i], &raw);
	return ERR_NONE;
}

enum status facility_parse(
        struct jval power, struct jval cooling, struct deployment *d, struct error *err)
{
	enum status rc = parse_power(power, d, err);

	return rc ? rc : parse_cooling(cooling, d, err);
}

size_t facility_tables(struct field_table *tables)
{
	tables[0] = (struct field_table){"power", power_fields, ARRAY_LEN(power_fields)};
	tables[1] = (struct field_table){"cooling", cooling_fields, ARRAY_LEN(cooling_fields)};
	return 2;
}
