/* The compiler's model: (weights, graph, max sequence, batch policy, precision, compiler version,
 * target generation) → artifact (DESIGN §5, "Compile"). Placement against SRAM, timetable of every
 * bucket and a digest over all seven inputs; immutable once built.
 *
 * Units: bytes, tokens, integer ns. The arithmetic is IEEE +, -, *, / in a fixed order and rounds
 * up once at the end: the same on every machine. Formulas: the essay in compile.c. */
#ifndef LPC_EMULATOR_COMPILE_H
#define LPC_EMULATOR_COMPILE_H

#include <stdint.h>
#include "emulator/hardware.h"
#include "faults/sink.h"
#include "harness/base/arena.h"
#include "harness/base/json.h"

enum { POOL_BUCKETS_MAX = 16 };

struct bucket_spec {
	int64_t max_seq; /* tokens, prompt + max_tokens */
	int64_t frame_ns;
	int64_t ppf;    /* prefill tokens a frame */
	uint32_t slots; /* of one instance */
};

struct model_spec {
	const char *name;
	const char *weights, *graph; /* revisions: identity, not content */
	int64_t parameters, layers, hidden, intermediate, kv_heads, head_dim;
};

enum precision { PRECISION_INT4, PRECISION_INT8, PRECISION_FP8, PRECISION_FP16, PRECISION_BF16 };

enum batch_policy {
	BATCH_FILL,  /* as many slots in every bucket as KV and the stages hold, the same number in
	                each */
	BATCH_FIXED, /* the slots that the deployment names */
};

struct artifact_spec {
	struct model_spec model;
	uint32_t n_buckets;
	int64_t max_seq[POOL_BUCKETS_MAX]; /* ascending */
	enum batch_policy batch;
	int64_t slots[POOL_BUCKETS_MAX]; /* BATCH_FIXED */
	enum precision weights, kv, activations;
	const char *compiler, *target;
};

/* Where an instance will run: the longest path of the pool's instances. */
struct compile_site {
	uint32_t nodes;                   /* pipeline stages; each holds chips_per_node chips */
	uint32_t c2c_hops, ethernet_hops; /* links between consecutive stages, all of them */
	int64_t ethernet_hop_ns;          /* healthy */
};

/* What one bucket's frame is made of, ns; layer parts are sums over all layers. */
struct frame_parts {
	double layers_fixed, weight_reads, kv_reads, all_reduce, c2c_hops, ethernet_hops;
};

struct artifact {
	struct artifact_spec spec;
	struct compile_site site;
	uint32_t chips, slots;
	int64_t weights_bytes; /* whole model */
	int64_t kv_bytes_per_token;
	/* Per chip. reserved + weights + activations + kv + free = sram. */
	int64_t sram_bytes, reserved_bytes, chip_weights_bytes, chip_activation_bytes,
	        chip_kv_bytes, free_bytes;
	int64_t reload_bytes; /* weights of one stage (node) */
	struct bucket_spec buckets[POOL_BUCKETS_MAX];
	struct frame_parts parts[POOL_BUCKETS_MAX];
	char digest[72]; /* "sha256:…" */
};

/* v: the artifact object of a pool; the model is the deployment's. */
enum status artifact_parse(struct jval v, const struct model_spec *model, const struct hardware *hw,
        struct arena *arena, struct artifact_spec *out, struct error *err) LPC_MUST_USE;

/* v: the model object, or absent (the default shape). */
enum status model_parse(
        struct jval v, struct arena *arena, struct model_spec *out, struct error *err) LPC_MUST_USE;

/* Errors (too big for the chips) stand at v. Borrows the strings of spec. */
enum status artifact_compile(struct jval v, const struct artifact_spec *spec,
        const struct hardware *hw, const struct compile_site *site, struct artifact *out,
        struct error *err) LPC_MUST_USE;

/* The frame of a bucket if the hops were those of this site (its nodes are the artifact's). */
int64_t artifact_frame_at(
        const struct artifact *a, uint32_t bucket, const struct compile_site *site);

/* Makes it another artifact, that of another compiler version, target generation or graph, with a
 * digest of its own. `a` may borrow the strings of static storage afterwards. */
void artifact_skew(struct artifact *a, enum artifact_skew skew, const struct hardware *hw);

/* Append the tables of the model and of an artifact; return how many. */
size_t model_tables(struct field_table *tables);
size_t artifact_tables(struct field_table *tables);

/* Input form, sorted keys; what the parsers read back. */
void model_out(const struct model_spec *m, struct json_out *o, const char *key);
void artifact_spec_out(const struct artifact_spec *a, struct json_out *o, const char *key);

const char *precision_name(enum precision p);
uint32_t precision_bits(enum precision p);

#endif
