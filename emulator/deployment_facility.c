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

enum status facility_parse(struct jval power, struct deployment *d, struct error *err)
{
	return parse_power(power, d, err);
}

size_t facility_tables(struct field_table *tables)
{
	tables[0] = (struct field_table){"power", power_fields, ARRAY_LEN(power_fields)};
	return 1;
}
