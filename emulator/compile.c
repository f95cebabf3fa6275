/* From a model's shape to a timetable, by arithmetic on the hardware's labelled numbers.
 *
 * Pipeline. The instance's nodes, in path order, are the stages; the layers are spread over them
 * evenly (a boundary may lie inside a layer) and every layer is split over the chips of its stage,
 * so weights and KV lie evenly over all chips. A token passes all layers once: that pass is the
 * frame.
 *
 *     frame = layers · (layer_time + weight read + KV read + all-reduce) + hops
 *
 *     weight read   a layer's weights / (chips of a node · SRAM bandwidth)
 *     KV read       max_seq · KV bytes of a token and layer / the same
 *     all-reduce    two a layer (attention, MLP), each a reduce-scatter and an all-gather over
 *                   the fully connected node: each one hop, 1/chips of the hidden vector a link
 *     hops          from stage to stage: latency + hidden vector / link payload rate; an
 *                   Ethernet link takes its own time
 *
 * layer_time, the fixed cost (vector work, attention's dependent steps, instruction dispatch), is
 * one labelled constant of the hardware: published speeds of models from 24 to 80 layers follow the
 * number of layers, not the bytes read (docs/DEPLOYMENT.md prints the deviations). There is no
 * factor for a model.
 *
 * Slots share the pipeline: while one token is in stage 3, others are in the other stages, and
 * `stage_sequences` may be interleaved in each. Each slot owns 1/slots of the frame at every stage.
 * A decode step uses of it what it reads; what is left takes in prompt tokens:
 *
 *     prefill tokens = (frame / slots - reads of a stage) / matmul time of a token in a stage
 *
 * at least 1 and at most prefill_chunk, for which the activation buffers are sized.
 *
 * SRAM of a chip: reserved + weights + activations + KV of all slots, each rounded up to a byte. */
#include "emulator/compile.h"

#include <stdbool.h>
#include <string.h>
#include "harness/base/digest.h"
#include "harness/base/mathx.h"
#include "harness/base/units.h"

#define KV_BYTES_MAX INT64_C(1000000000000000000)
#define FRAME_NS_MAX (3600 * NS_PER_S)

/* --- placement ----------------------------------------------------------------------- */

static int64_t bytes_of(int64_t elements, enum precision p)
{
	return ceil_div_i64(elements * precision_bits(p), 8);
}

static int64_t slot_tokens(const struct artifact_spec *spec, const int64_t *slots)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < spec->n_buckets; i++)
		n += (slots ? slots[i] : 1) * spec->max_seq[i];
	return n;
}

/* KV of all slots (one a bucket if the policy is to fill), or -1 beyond any machine. */
static int64_t kv_demand(const struct artifact *a, const int64_t *slots)
{
	__int128 bytes = (__int128)slot_tokens(&a->spec, slots) * a->kv_bytes_per_token;

	return bytes > KV_BYTES_MAX ? -1 : (int64_t)bytes;
}

/* A model that needs more than the whole machine ever had still gets an exact answer. */
static enum status too_big(struct jval v, const struct artifact *a, const struct hardware *hw,
        int64_t kv_bytes, struct error *err)
{
	int64_t per_node = hardware_i64(hw, HW_CHIPS_PER_NODE);
	int64_t room = a->sram_bytes - a->reserved_bytes - a->chip_activation_bytes;
	int64_t need = a->chip_weights_bytes + ceil_div_i64(kv_bytes, a->chips);
	int64_t chips;

	if (room <= 0)
		return json_error(v, err,
		        "expected %lld bytes of activations in a chip's %lld bytes, short by %lld "
		        "bytes; no number of chips would do",
		        (long long)a->chip_activation_bytes,
		        (long long)(a->sram_bytes - a->reserved_bytes), (long long)(1 - room));
	chips = ceil_div_i64(a->weights_bytes + kv_bytes, room);
	chips = ceil_div_i64(chips, per_node) * per_node;
	while (ceil_div_i64(a->weights_bytes, chips) + ceil_div_i64(kv_bytes, chips) > room)
		chips += per_node;
	return json_error(v, err,
	        "expected a model that fits %u chips of %lld bytes, found one short by %lld bytes; "
	        "%lld chips would do",
	        a->chips, (long long)a->sram_bytes, (long long)((need - room) * a->chips),
	        (long long)chips);
}

/* BATCH_FILL: the same number of slots in every bucket, bounded by KV room and by the stages; at
 * least one, so that what does not fit is found by the placement. */
static int64_t fill_slots(const struct artifact *a, const struct hardware *hw)
{
	int64_t room = a->sram_bytes - a->reserved_bytes - a->chip_activation_bytes -
	               a->chip_weights_bytes;
	int64_t one_each = kv_demand(a, NULL);
	int64_t by_kv = room > 0 && one_each > 0 ? room * a->chips / one_each : 0;
	int64_t by_stages =
	        a->site.nodes * hardware_i64(hw, HW_STAGE_SEQUENCES) / a->spec.n_buckets;
	int64_t n = by_kv < by_stages ? by_kv : by_stages;

	return n < 1 ? 1 : n;
}

/* What does not depend on the slots. */
static void size_up(struct artifact *a, const struct hardware *hw)
{
	const struct model_spec *m = &a->spec.model;
	int64_t per_node = hardware_i64(hw, HW_CHIPS_PER_NODE);
	int64_t chunk = hardware_i64(hw, HW_PREFILL_CHUNK);

	a->chips = (uint32_t)(a->site.nodes * per_node);
	a->sram_bytes = hardware_i64(hw, HW_CHIP_SRAM);
	a->reserved_bytes = hardware_i64(hw, HW_CHIP_SRAM_RESERVED);
	a->weights_bytes = bytes_of(m->parameters, a->spec.weights);
	a->reload_bytes = ceil_div_i64(a->weights_bytes, a->site.nodes);
	a->chip_weights_bytes = ceil_div_i64(a->weights_bytes, a->chips);
	a->kv_bytes_per_token = bytes_of(2 * m->layers * m->kv_heads * m->head_dim, a->spec.kv);
	/* Two buffers: one is filled while the other is worked on. */
	a->chip_activation_bytes = ceil_div_i64(
	        2 * bytes_of(chunk * (m->hidden + m->intermediate), a->spec.activations), per_node);
}

static enum status place(
        struct jval v, struct artifact *a, const struct hardware *hw, struct error *err)
{
	int64_t slots[POOL_BUCKETS_MAX], kv_bytes, fill;

	size_up(a, hw);
	fill = a->spec.batch == BATCH_FILL ? fill_slots(a, hw) : 0;
	for (uint32_t i = 0; i < a->spec.n_buckets; i++) {
		slots[i] = fill ? fill : a->spec.slots[i];
		a->buckets[i].slots = (uint32_t)slots[i];
		a->slots += a->buckets[i].slots;
	}
	kv_bytes = kv_demand(a, slots);
	if (kv_bytes < 0)
		return json_error(v, err, "expected at most %lld bytes of KV, found more",
		        (long long)KV_BYTES_MAX);
	a->chip_kv_bytes = ceil_div_i64(kv_bytes, a->chips);
	a->free_bytes = a->sram_bytes - a->reserved_bytes - a->chip_activation_bytes -
	                a->chip_weights_bytes - a->chip_kv_bytes;
	return a->free_bytes < 0 ? too_big(v, a, hw, kv_bytes, err) : ERR_NONE;
}

/* --- timetable ----------------------------------------------------------------------- */

/* Bytes a second that the chips of one node read together. The published figure is at 1 GHz. */
static double node_sram_rate(const struct hardware *hw)
{
	return hw->base[HW_CHIP_SRAM_BANDWIDTH] * (hw->base[HW_CHIP_CLOCK] / 1e9) *
	       hw->base[HW_CHIPS_PER_NODE];
}

/* Multiply-accumulates a second of one node at the given format: 16 bits take four passes (GroqChip
 * brief: 188 TFLOPS fp16 beside 750 TOPS int8). */
static double node_mac_rate(const struct hardware *hw, enum precision weights)
{
	double passes = precision_bits(weights) > 8 ? 4 : 1;

	return hw->base[HW_CHIP_MACS] * hw->base[HW_CHIP_CLOCK] * hw->base[HW_MATMUL_UTILISATION] *
	       hw->base[HW_CHIPS_PER_NODE] / passes;
}

static double all_reduce_ns(const struct artifact *a, const struct hardware *hw)
{
	double chips = hw->base[HW_CHIPS_PER_NODE];
	double share = (double)bytes_of(a->spec.model.hidden, a->spec.activations) / chips;

	if (chips < 2)
		return 0;
	return 2 * 2 * (hw->base[HW_HOP_LATENCY] + share * 1e9 / hw->base[HW_LINK_PAYLOAD_RATE]);
}

static double stage_hop_ns(const struct artifact *a, const struct hardware *hw)
{
	double bytes = (double)bytes_of(a->spec.model.hidden, a->spec.activations);

	return hw->base[HW_HOP_LATENCY] + bytes * 1e9 / hw->base[HW_LINK_PAYLOAD_RATE];
}

/* What a stage reads for one slot a frame. */
static double stage_reads_ns(const struct artifact *a, const struct frame_parts *f)
{
	return (f->weight_reads + f->kv_reads) / a->site.nodes;
}

static double frame_of(const struct artifact *a, const struct frame_parts *f)
{
	double frame = f->layers_fixed + f->weight_reads + f->kv_reads + f->all_reduce +
	               f->c2c_hops + f->ethernet_hops;
	double reads = stage_reads_ns(a, f) * a->slots;

	/* A stage serves every slot once a frame: no shorter than its reads for all of them. */
	return mathx_ceil(frame < reads ? reads : frame);
}

int64_t artifact_frame_at(
        const struct artifact *a, uint32_t bucket, const struct compile_site *site)
{
	struct frame_parts parts = a->parts[bucket];

	if (a->site.c2c_hops)
		parts.c2c_hops = site->c2c_hops * (parts.c2c_hops / a->site.c2c_hops);
	parts.ethernet_hops = (double)site->ethernet_hops * (double)site->ethernet_hop_ns;
	return (int64_t)frame_of(a, &parts);
}

/* False if the frame is beyond all reason. */
static bool time_bucket(struct artifact *a, const struct hardware *hw, uint32_t i)
{
	struct frame_parts *f = &a->parts[i];
	struct bucket_spec *b = &a->buckets[i];
	double layers = (double)a->spec.model.layers, read = node_sram_rate(hw);
	double kv = (double)(a->spec.max_seq[i] * a->kv_bytes_per_token);
	double token, frame, ppf;

	f->layers_fixed = layers * hw->base[HW_LAYER_TIME];
	f->weight_reads = (double)a->weights_bytes * 1e9 / read;
	f->kv_reads = kv * 1e9 / read;
	f->all_reduce = layers * all_reduce_ns(a, hw);
	f->c2c_hops = a->site.c2c_hops * stage_hop_ns(a, hw);
	f->ethernet_hops = (double)a->site.ethernet_hops * (double)a->site.ethernet_hop_ns;
	frame = frame_of(a, f);
	if (frame > (double)FRAME_NS_MAX)
		return false;
	token = (double)a->spec.model.parameters / a->site.nodes * 1e9 /
	        node_mac_rate(hw, a->spec.weights);
	ppf = mathx_floor((frame / a->slots - stage_reads_ns(a, f)) / token);
	if (ppf > hw->base[HW_PREFILL_CHUNK])
		ppf = hw->base[HW_PREFILL_CHUNK];
	b->max_seq = a->spec.max_seq[i];
	b->frame_ns = (int64_t)frame;
	b->ppf = ppf < 1 ? 1 : (int64_t)ppf;
	return true;
}

/* --- digest -------------------------------------------------------------------------- */

/* The seven inputs as canonical text. The target generation stands with the numbers that the
 * compiler read of it and with the site, because an artifact must not change under its digest. */
static void digest(struct artifact *a, const struct hardware *hw)
{
	uint8_t sum[DIGEST_BYTES];
	struct json_out o;

	json_out_init(&o, 0);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "schema", "lpuchaos.artifact/1");
	model_out(&a->spec.model, &o, "model");
	artifact_spec_out(&a->spec, &o, "artifact");
	hardware_out(hw, &o, "hardware");
	json_out_i64(&o, "nodes", a->site.nodes);
	json_out_i64(&o, "c2c_hops", a->site.c2c_hops);
	json_out_i64(&o, "ethernet_hops", a->site.ethernet_hops);
	json_out_i64(&o, "ethernet_hop_ns", a->site.ethernet_hops ? a->site.ethernet_hop_ns : 0);
	json_out_close(&o);
	sha256_of(o.buf, o.n, sum);
	json_out_free(&o);
	(void)digest_text(sum, a->digest);
}

/* What lay about was compiled before: of the inputs, one is not what it is now. */
void artifact_skew(struct artifact *a, enum artifact_skew skew, const struct hardware *hw)
{
	switch (skew) {
	case SKEW_VERSION:
		a->spec.compiler = strcmp(a->spec.compiler, "0") ? "0" : "1";
		break;
	case SKEW_GENERATION:
		a->spec.target = strcmp(a->spec.target, "lpu0") ? "lpu0" : "lpu1";
		break;
	case SKEW_GRAPH:
		a->spec.model.graph = strcmp(a->spec.model.graph, "r0") ? "r0" : "r1";
		break;
	}
	digest(a, hw);
}

enum status artifact_compile(struct jval v, const struct artifact_spec *spec,
        const struct hardware *hw, const struct compile_site *site, struct artifact *out,
        struct error *err)
{
	enum status rc;

	*out = (struct artifact){.spec = *spec, .site = *site};
	rc = place(v, out, hw, err);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < spec->n_buckets; i++)
		if (!time_bucket(out, hw, i))
			return json_error(v, err,
			        "expected a frame of at most 1h for max_seq %lld, found more",
			        (long long)spec->max_seq[i]);
	digest(out, hw);
	return ERR_NONE;
}
