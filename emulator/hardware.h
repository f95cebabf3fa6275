/* The labelled numbers of a machine (DESIGN §5, "Hardware"): counts, memories, clocks, latencies,
 * power, failure rates, detection and failover times. Every one is {"value", "unit", "label",
 * "source"}; a `fact` without source is read as assumption, with a warning.
 *
 * The default is the shipped file emulator/hardware/lpuv1.json itself, embedded at build time.
 * Another hardware object names what it changes; what it leaves out comes from its "base" (a path
 * or an object) or from the embedded default. Everything lives in the arena given. */
#ifndef LPC_EMULATOR_HARDWARE_H
#define LPC_EMULATOR_HARDWARE_H

#include <stdint.h>
#include "emulator/topology.h"
#include "harness/base/arena.h"
#include "harness/base/json.h"

enum truth { TRUTH_FACT, TRUTH_INFERENCE, TRUTH_ASSUMPTION };

/* One labelled number of the hardware file or a default of ours; reports list those a verdict used.
 */
struct parameter {
	const char *name, *unit, *source;
	double value; /* in `unit`, as written */
	enum truth label;
};

/* Loads a JSON file named inside another: path relative to that file's folder. The document belongs
 * to the loader's owner and outlives what is read from it. */
struct file_loader {
	void *ctx;
	enum status (*load_json)(void *ctx, const char *from_file, const char *path,
	        struct jval *root, struct error *err);
};

/* The order of the file. Names: hardware_name(). */
enum hardware_key {
	HW_RACKS,
	HW_RACKS_PER_POD,
	HW_NODES_PER_RACK,
	HW_SPARES_PER_RACK,
	HW_CHIPS_PER_NODE,
	HW_CABLES_PER_NODE_PAIR,
	HW_POD_CABLES_PER_NODE,
	HW_PDUS_PER_RACK,
	HW_FAN_ZONES_PER_NODE,
	HW_CHIP_CLOCK,
	HW_CHIP_SRAM,
	HW_CHIP_SRAM_RESERVED,
	HW_CHIP_SRAM_BANDWIDTH,
	HW_CHIP_MACS,
	HW_MATMUL_UTILISATION,
	HW_LAYER_TIME,
	HW_STAGE_SEQUENCES,
	HW_PREFILL_CHUNK,
	HW_HOP_LATENCY,
	HW_LINK_RATE,
	HW_LINK_PAYLOAD_RATE,
	HW_HOST_LOAD_BANDWIDTH,
	HW_REGISTRY_BANDWIDTH,
	HW_ETHERNET_HOP,
	HW_ETHERNET_LANES,
	HW_ETHERNET_RTO_MIN,
	HW_SYNC_EPOCH,
	HW_LINK_JITTER,
	HW_CLOCK_DRIFT,
	HW_PDU_RATING,
	HW_PDU_DERATING,
	HW_NODE_POWER,
	HW_CHIP_POWER_MAX,
	HW_CHIP_MTBF,
	HW_NODE_MTBF,
	HW_CABLE_MTBF,
	HW_LINK_BURST_MTBF,
	HW_TRANSIENT_SHARE,
	HW_SDC_MTBF,
	HW_RESET_TIME,
	HW_REBOOT_TIME,
	HW_SWAP_TIME,
	HW_POLL_PERIOD,
	HW_POLLS,
	HW_DETECT_TIMEOUT,
	HW_PERSIST_THRESHOLD,
	HW_SUSPICIONS,
	HW_SUSPECT_WINDOW,
	HW_ISOLATE_TIME,
	HW_REMAP_TIME,
	HW_RESYNC_TIME,
	HW_RESUME_TIME,
	HW_COUNT,
};

struct hardware {
	const char *name;                      /* target generation: "lpuv1" */
	struct parameter parameters[HW_COUNT]; /* as written */
	double base[HW_COUNT];                 /* in base units: ns, bytes, bytes/s, Hz, W, 1 */
};

/* Warnings found while reading: arena strings, in order. */
struct warning_list {
	uint32_t n, capacity;
	const char **text;
};

void warning_add(struct warning_list *w, struct arena *arena, const char *text);

void hardware_default(struct hardware *hw, struct arena *arena);

/* v: absent (the default), a path (read through the loader, which may be NULL: then a path is an
 * error) or an object. */
enum status hardware_parse(struct jval v, const struct file_loader *loader, struct arena *arena,
        struct hardware *hw, struct warning_list *warnings, struct error *err) LPC_MUST_USE;

/* The object form with every number: hardware_parse reads it back to the same values. */
void hardware_out(const struct hardware *hw, struct json_out *o, const char *key);

void hardware_topology(const struct hardware *hw, struct topology_spec *spec);

const char *hardware_name(enum hardware_key key);
/* The i-th unit in which the number may be written, or NULL behind the last. */
const char *hardware_unit(enum hardware_key key, size_t i);
const char *truth_name(enum truth label);

/* A number in base units, rounded to the nearest integer. */
int64_t hardware_i64(const struct hardware *hw, enum hardware_key key);

/* The shipped file's bytes. */
extern const char hardware_lpuv1_json[];
extern const unsigned long hardware_lpuv1_json_size;

#endif
