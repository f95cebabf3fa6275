/* Hardware as data: one record a number, which gives its name, its dimension and its range; the
 * reader, its errors and the writer come from the table. A number keeps what the file said (value,
 * unit, label, source) beside its value in base units, so that a report can quote the file and the
 * model can calculate, from one place.
 *
 * The embedded default is parsed like any other file: there is no second list of values to keep
 * equal. */
#include "emulator/hardware.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor; /* to the base unit */
};

enum dimension {
	DIM_COUNT,
	DIM_RATIO,
	DIM_TOKENS,
	DIM_TIME,
	DIM_BYTES,
	DIM_RATE,
	DIM_CLOCK,
	DIM_POWER
};

static const struct unit units[][8] = {
        [DIM_COUNT] = {{"count", 1}},
        [DIM_RATIO] = {{"ratio", 1}, {"ppm", 1e-6}},
        [DIM_TOKENS] = {{"tokens", 1}},
        [DIM_TIME] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9},
                {"h", 3600e9}},
        [DIM_BYTES] = {{"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"MB", 1e6},
                {"GB", 1e9}},
        [DIM_RATE] = {{"B/s", 1}, {"MB/s", 1e6}, {"GB/s", 1e9}, {"TB/s", 1e12}, {"GiB/s", 0x1p30},
                {"TiB/s", 0x1p40}},
        [DIM_CLOCK] = {{"MHz", 1e6}, {"GHz", 1e9}},
        [DIM_POWER] = {{"W", 1}, {"kW", 1e3}},
};

static const struct number {
	const char *name;
	enum dimension dimension;
	double min, max; /* in base units; counts and tokens are whole numbers */
} numbers[HW_COUNT] = {
        [HW_RACKS] = {"racks", DIM_COUNT, 1, 145},
        [HW_RACKS_PER_POD] = {"racks_per_pod", DIM_COUNT, 1, 145},
        [HW_NODES_PER_RACK] = {"nodes_per_rack", DIM_COUNT, 1, 64},
        [HW_SPARES_PER_RACK] = {"spares_per_rack", DIM_COUNT, 0, 63},
        [HW_CHIPS_PER_NODE] = {"chips_per_node", DIM_COUNT, 1, 64},
        [HW_CABLES_PER_NODE_PAIR] = {"cables_per_node_pair", DIM_COUNT, 1, 16},
        [HW_POD_CABLES_PER_NODE] = {"pod_cables_per_node", DIM_COUNT, 1, 16},
        [HW_PDUS_PER_RACK] = {"pdus_per_rack", DIM_COUNT, 1, 16},
        [HW_FAN_ZONES_PER_NODE] = {"fan_zones_per_node", DIM_COUNT, 1, 16},
        [HW_CHIP_CLOCK] = {"chip_clock", DIM_CLOCK, 1e6, 1e11},
        [HW_CHIP_SRAM] = {"chip_sram", DIM_BYTES, 1, 1e12},
        [HW_CHIP_SRAM_RESERVED] = {"chip_sram_reserved", DIM_BYTES, 0, 1e12},
        [HW_CHIP_SRAM_BANDWIDTH] = {"chip_sram_bandwidth", DIM_RATE, 1, 1e18},
        [HW_CHIP_MACS] = {"chip_macs", DIM_COUNT, 1, 1e9},
        [HW_MATMUL_UTILISATION] = {"matmul_utilisation", DIM_RATIO, 1e-6, 1},
        [HW_LAYER_TIME] = {"layer_time", DIM_TIME, 1, 1e9},
        [HW_STAGE_SEQUENCES] = {"stage_sequences", DIM_COUNT, 1, 1e6},
        [HW_PREFILL_CHUNK] = {"prefill_chunk", DIM_TOKENS, 1, 1e6},
        [HW_HOP_LATENCY] = {"hop_latency", DIM_TIME, 0, 1e9},
        [HW_LINK_RATE] = {"link_rate", DIM_RATE, 1, 1e15},
        [HW_LINK_PAYLOAD_RATE] = {"link_payload_rate", DIM_RATE, 1, 1e15},
        [HW_HOST_LOAD_BANDWIDTH] = {"host_load_bandwidth", DIM_RATE, 1, 1e15},
        [HW_REGISTRY_BANDWIDTH] = {"registry_bandwidth", DIM_RATE, 1, 1e15},
        [HW_ETHERNET_HOP] = {"ethernet_hop", DIM_TIME, 0, 60e9},
        [HW_ETHERNET_LANES] = {"ethernet_lanes", DIM_COUNT, 1, 64},
        [HW_ETHERNET_RTO_MIN] = {"ethernet_rto_min", DIM_TIME, 1, 60e9},
        [HW_SYNC_EPOCH] = {"sync_epoch", DIM_TIME, 1, 1e9},
        [HW_LINK_JITTER] = {"link_jitter", DIM_TIME, 0, 1e9},
        [HW_CLOCK_DRIFT] = {"clock_drift", DIM_RATIO, 0, 1},
        [HW_PDU_RATING] = {"pdu_rating", DIM_POWER, 1, 1e7},
        [HW_PDU_DERATING] = {"pdu_derating", DIM_RATIO, 0.01, 1},
        [HW_NODE_POWER] = {"node_power", DIM_POWER, 1, 1e6},
        [HW_CHIP_POWER_MAX] = {"chip_power_max", DIM_POWER, 1, 1e6},
        [HW_CHIP_MTBF] = {"chip_mtbf", DIM_TIME, 1e9, 1e24},
        [HW_NODE_MTBF] = {"node_mtbf", DIM_TIME, 1e9, 1e24},
        [HW_CABLE_MTBF] = {"cable_mtbf", DIM_TIME, 1e9, 1e24},
        [HW_LINK_BURST_MTBF] = {"link_burst_mtbf", DIM_TIME, 1e9, 1e24},
        [HW_TRANSIENT_SHARE] = {"transient_share", DIM_RATIO, 0, 1},
        [HW_SDC_MTBF] = {"sdc_mtbf", DIM_TIME, 1e9, 1e24},
        [HW_RESET_TIME] = {"reset_time", DIM_TIME, 0, 1e17},
        [HW_REBOOT_TIME] = {"reboot_time", DIM_TIME, 0, 1e17},
        [HW_SWAP_TIME] = {"swap_time", DIM_TIME, 0, 1e17},
        [HW_POLL_PERIOD] = {"poll_period", DIM_TIME, 1, 3600e9},
        [HW_POLLS] = {"polls", DIM_COUNT, 1, 1000},
        [HW_DETECT_TIMEOUT] = {"detect_timeout", DIM_TIME, 0, 3600e9},
        [HW_PERSIST_THRESHOLD] = {"persist_threshold", DIM_TIME, 0, 3600e9},
        [HW_SUSPICIONS] = {"suspicions", DIM_COUNT, 1, 1000},
        [HW_SUSPECT_WINDOW] = {"suspect_window", DIM_TIME, 1, 1e17},
        [HW_ISOLATE_TIME] = {"isolate_time", DIM_TIME, 0, 3600e9},
        [HW_REMAP_TIME] = {"remap_time", DIM_TIME, 0, 3600e9},
        [HW_RESYNC_TIME] = {"resync_time", DIM_TIME, 0, 3600e9},
        [HW_RESUME_TIME] = {"resume_time", DIM_TIME, 0, 3600e9},
};

static const char *const labels[] = {"fact", "inference", "assumption", NULL};

const char *hardware_name(enum hardware_key key)
{
	CHECK(key < HW_COUNT);
	return numbers[key].name;
}

const char *hardware_unit(enum hardware_key key, size_t i)
{
	return i < ARRAY_LEN(units[0]) ? units[numbers[key].dimension][i].name : NULL;
}

const char *truth_name(enum truth label)
{
	return labels[label];
}

int64_t hardware_i64(const struct hardware *hw, enum hardware_key key)
{
	CHECK(hw->base[key] < 9e18);
	return (int64_t)(hw->base[key] + 0.5);
}

void warning_add(struct warning_list *w, struct arena *arena, const char *text)
{
	if (w->n == w->capacity) {
		uint32_t capacity = w->capacity ? 2 * w->capacity : 8;
		const char **grown = ARENA_ARRAY(arena, const char *, capacity);

		if (w->n)
			memcpy(grown, w->text, w->n * sizeof(*grown));
		w->text = grown;
		w->capacity = capacity;
	}
	w->text[w->n++] = text;
}

/* --- reading ------------------------------------------------------------------------- */

struct raw_number {
	double value;
	const char *unit, *source;
	int label;
};

static const struct field number_fields[] = {
        {.name = "value",
                .type = FIELD_REAL,
                .offset = offsetof(struct raw_number, value),
                .flags = FIELD_REQUIRED,
                .help = "the number"},
        {.name = "unit",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_number, unit),
                .flags = FIELD_REQUIRED,
                .help = "its unit"},
        {.name = "label",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_number, label),
                .fallback = "\"assumption\"",
                .choices = labels,
                .help = "how far it can be trusted"},
        {.name = "source",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_number, source),
                .help = "where it is stated, or how it was derived"},
};

static const struct unit *find_unit(enum dimension dimension, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(units[0]) && units[dimension][i].name; i++)
		if (!strcmp(units[dimension][i].name, name))
			return &units[dimension][i];
	return NULL;
}

static enum status wrong_unit(struct jval v, enum dimension dimension, struct error *err)
{
	char list[128] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(units[0]) && units[dimension][i].name; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s\"%s\"", i ? ", " : "",
		        units[dimension][i].name);
	return json_expected(
	        json_get(v, "unit"), err, "%s%s", strchr(list, ',') ? "one of " : "", list);
}

static enum status parse_number(struct jval v, enum hardware_key key, struct arena *arena,
        struct hardware *hw, struct warning_list *warnings, struct error *err)
{
	const struct number *n = &numbers[key];
	struct parameter *p = &hw->parameters[key];
	const struct unit *unit;
	struct raw_number raw;
	enum status rc = json_read(v, number_fields, ARRAY_LEN(number_fields), &raw, err);
	double base;

	if (rc)
		return rc;
	unit = find_unit(n->dimension, raw.unit);
	if (!unit)
		return wrong_unit(v, n->dimension, err);
	base = raw.value * unit->factor;
	if (!(base >= n->min && base <= n->max))
		return json_expected(json_get(v, "value"), err, "%s from %g to %g %s", n->name,
		        n->min / unit->factor, n->max / unit->factor, raw.unit);
	if ((n->dimension == DIM_COUNT || n->dimension == DIM_TOKENS) &&
	        base != (double)(int64_t)base)
		return json_expected(json_get(v, "value"), err, "a whole number");
	*p = (struct parameter){.name = n->name,
	        .unit = unit->name,
	        .source = raw.source && raw.source[0]
	                          ? arena_strndup(arena, raw.source, strlen(raw.source))
	                          : NULL,
	        .value = raw.value,
	        .label = (enum truth)raw.label};
	if (p->label == TRUTH_FACT && !p->source) {
		p->label = TRUTH_ASSUMPTION;
		warning_add(warnings, arena,
		        arena_printf(
		                arena, "%s: a fact without source, read as assumption", n->name));
	}
	hw->base[key] = base;
	return ERR_NONE;
}

/* The keys of a hardware object: three of its own, then one for each number. */
struct raw_hardware {
	const char *name, *about;
	struct jval base;
	struct jval numbers[HW_COUNT];
};

enum { OWN_KEYS = 3 };

static void hardware_fields(struct field fields[OWN_KEYS + HW_COUNT])
{
	fields[0] = (struct field){.name = "name",
	        .type = FIELD_NAME,
	        .offset = offsetof(struct raw_hardware, name),
	        .help = "the target generation"};
	fields[1] = (struct field){.name = "about",
	        .type = FIELD_STRING,
	        .offset = offsetof(struct raw_hardware, about),
	        .help = "free text"};
	fields[2] = (struct field){.name = "base",
	        .type = FIELD_VALUE,
	        .offset = offsetof(struct raw_hardware, base),
	        .help = "hardware that this object changes, a file or the object itself"};
	for (size_t i = 0; i < HW_COUNT; i++)
		fields[OWN_KEYS + i] = (struct field){.name = numbers[i].name,
		        .type = FIELD_OBJECT,
		        .offset = offsetof(struct raw_hardware, numbers) + i * sizeof(struct jval),
		        .help = "{value, unit, label, source}"};
}

static enum status read_object(struct jval v, struct raw_hardware *raw, struct error *err)
{
	struct field fields[OWN_KEYS + HW_COUNT];

	hardware_fields(fields);
	return json_read(v, fields, ARRAY_LEN(fields), raw, err);
}

static enum status apply_object(const struct raw_hardware *raw, struct arena *arena,
        struct hardware *hw, struct warning_list *warnings, struct error *err)
{
	if (raw->name)
		hw->name = arena_strndup(arena, raw->name, strlen(raw->name));
	for (unsigned i = 0; i < HW_COUNT; i++)
		if (json_type(raw->numbers[i]) != JSON_NONE) {
			enum status rc = parse_number(
			        raw->numbers[i], (enum hardware_key)i, arena, hw, warnings, err);

			if (rc)
				return rc;
		}
	return ERR_NONE;
}

static uint32_t count(const struct hardware *hw, enum hardware_key key)
{
	return (uint32_t)hw->base[key];
}

void hardware_topology(const struct hardware *hw, struct topology_spec *spec)
{
	*spec = (struct topology_spec){
	        .racks = count(hw, HW_RACKS),
	        .nodes_per_rack = count(hw, HW_NODES_PER_RACK),
	        .chips_per_node = count(hw, HW_CHIPS_PER_NODE),
	        .spares_per_rack = count(hw, HW_SPARES_PER_RACK),
	        .cables_per_pair = count(hw, HW_CABLES_PER_NODE_PAIR),
	        .pdus_per_rack = count(hw, HW_PDUS_PER_RACK),
	        .fans_per_node = count(hw, HW_FAN_ZONES_PER_NODE),
	        .racks_per_pod = count(hw, HW_RACKS_PER_POD),
	        .pod_cables_per_node = count(hw, HW_POD_CABLES_PER_NODE),
	};
}

static enum status judge(struct jval v, const struct hardware *hw, struct error *err)
{
	struct topology_spec wiring;

	if (hw->base[HW_SPARES_PER_RACK] >= hw->base[HW_NODES_PER_RACK])
		return json_error(v, err,
		        "expected spares_per_rack below nodes_per_rack, found %g of %g",
		        hw->base[HW_SPARES_PER_RACK], hw->base[HW_NODES_PER_RACK]);
	if (hw->base[HW_CHIP_SRAM_RESERVED] >= hw->base[HW_CHIP_SRAM])
		return json_error(v, err, "expected chip_sram_reserved below chip_sram");
	hardware_topology(hw, &wiring);
	if (topology_size(&wiring) > TOPOLOGY_COMPONENTS_MAX)
		return json_error(v, err,
		        "expected a machine of at most %d components, found one of %llu",
		        TOPOLOGY_COMPONENTS_MAX, (unsigned long long)topology_size(&wiring));
	return ERR_NONE;
}

static enum status open_path(struct jval v, const char *path, const struct file_loader *loader,
        struct jval *out, struct error *err)
{
	enum status rc;

	if (!loader)
		return json_expected(v, err, "a hardware object (no files can be read here)");
	rc = loader->load_json(loader->ctx, json_file(v.doc), path, out, err);
	if (rc && !err->file[0]) { /* no file to be wrong in: the path is wrong here */
		(void)snprintf(err->file, sizeof(err->file), "%s", json_file(v.doc));
		json_position(v, &err->line, &err->col);
		json_path(v, err->path, sizeof(err->path));
	}
	return rc;
}

void hardware_default(struct hardware *hw, struct arena *arena)
{
	struct warning_list none = {0};
	struct error err = ERROR_INIT;
	struct raw_hardware raw;
	struct json *doc;

	*hw = (struct hardware){0};
	CHECK(json_parse("hardware/lpuv1.json", hardware_lpuv1_json, hardware_lpuv1_json_size, &doc,
	              &err) == ERR_NONE);
	CHECK(read_object(json_root(doc), &raw, &err) == ERR_NONE);
	CHECK(apply_object(&raw, arena, hw, &none, &err) == ERR_NONE);
	json_free(doc);
	for (unsigned i = 0; i < HW_COUNT; i++)
		CHECK(hw->parameters[i].name); /* the shipped file is complete */
}

enum { BASE_DEPTH_MAX = 8 };

enum status hardware_parse(struct jval v, const struct file_loader *loader, struct arena *arena,
        struct hardware *hw, struct warning_list *warnings, struct error *err)
{
	struct raw_hardware *layers = ARENA_ARRAY(arena, struct raw_hardware, BASE_DEPTH_MAX);
	struct jval at = v;
	size_t n = 0;

	hardware_default(hw, arena);
	while (json_type(at) != JSON_NONE) {
		const char *path = json_string(at);
		enum status rc;

		if (n == BASE_DEPTH_MAX)
			return json_error(v, err,
			        "expected at most %d hardware files, each the base of the one "
			        "before",
			        BASE_DEPTH_MAX);
		rc = path ? open_path(at, path, loader, &at, err) : ERR_NONE;
		if (rc)
			return rc;
		if (json_type(at) != JSON_OBJECT)
			return json_expected(at, err, path ? "an object" : "a path or an object");
		rc = read_object(at, &layers[n], err);
		if (rc)
			return rc;
		at = layers[n++].base;
	}
	while (n--) {
		enum status rc = apply_object(&layers[n], arena, hw, warnings, err);

		if (rc)
			return rc;
	}
	return judge(v, hw, err);
}

/* --- writing ------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct parameter *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void hardware_out(const struct hardware *hw, struct json_out *o, const char *key)
{
	const struct parameter *sorted[HW_COUNT];

	for (size_t i = 0; i < HW_COUNT; i++)
		sorted[i] = &hw->parameters[i];
	qsort(sorted, HW_COUNT, sizeof(*sorted), by_name);
	json_out_open(o, key, '{');
	for (size_t i = 0, named = 0; i < HW_COUNT; i++) {
		if (!named && strcmp(sorted[i]->name, "name") > 0) {
			json_out_str(o, "name", hw->name);
			named = 1;
		}
		json_out_open(o, sorted[i]->name, '{');
		json_out_str(o, "label", truth_name(sorted[i]->label));
		if (sorted[i]->source)
			json_out_str(o, "source", sorted[i]->source);
		json_out_str(o, "unit", sorted[i]->unit);
		json_out_real(o, "value", sorted[i]->value);
		json_out_close(o);
	}
	json_out_close(o);
}
