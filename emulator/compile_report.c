/* The compiler's answer as JSON. Paths are listed in full, because an audit compares them with
 * packets; the blast radius is an object by component name, with an entry for what an instance
 * stands on and for every PDU (which, fed twice, takes nothing down). */
#include "emulator/compile_report.h"

#include "emulator/blast.h"
#include "emulator/deployment_parts.h"

static const char *component_name(const struct topology *t, uint32_t component)
{
	return t->components[component].name;
}

static void out_placement(const struct artifact *a, struct json_out *o)
{
	if (!a) {
		json_out_null(o, "placement");
		return;
	}
	json_out_open(o, "placement", '{');
	json_out_i64(o, "chips", a->chips);
	json_out_i64(o, "model_weights_bytes", a->weights_bytes);
	json_out_i64(o, "kv_bytes_per_token", a->kv_bytes_per_token);
	json_out_open(o, "chip", '{');
	json_out_i64(o, "sram_bytes", a->sram_bytes);
	json_out_i64(o, "reserved_bytes", a->reserved_bytes);
	json_out_i64(o, "weights_bytes", a->chip_weights_bytes);
	json_out_i64(o, "activations_bytes", a->chip_activation_bytes);
	json_out_i64(o, "kv_bytes", a->chip_kv_bytes);
	json_out_i64(o, "free_bytes", a->free_bytes);
	json_out_close(o);
	json_out_close(o);
}

static void out_parts(const struct frame_parts *f, struct json_out *o)
{
	json_out_open(o, "frame_parts_ns", '{');
	json_out_real(o, "layers_fixed", f->layers_fixed);
	json_out_real(o, "weight_reads", f->weight_reads);
	json_out_real(o, "kv_reads", f->kv_reads);
	json_out_real(o, "all_reduce", f->all_reduce);
	json_out_real(o, "c2c_hops", f->c2c_hops);
	json_out_real(o, "ethernet_hops", f->ethernet_hops);
	json_out_close(o);
}

static void out_timetable(const struct pool_spec *p, struct json_out *o)
{
	json_out_open(o, "timetable", '[');
	for (uint32_t i = 0; i < p->n_buckets; i++) {
		const struct bucket_spec *b = &p->buckets[i];

		json_out_open(o, NULL, '{');
		json_out_i64(o, "max_seq", b->max_seq);
		json_out_i64(o, "frame_ns", b->frame_ns);
		json_out_i64(o, "slots", b->slots);
		json_out_i64(o, "prefill_tokens_per_frame", b->ppf);
		json_out_real(o, "tokens_per_second_per_slot", 1e9 / (double)b->frame_ns);
		if (p->artifact)
			out_parts(&p->artifact->parts[i], o);
		else
			json_out_null(o, "frame_parts_ns");
		json_out_close(o);
	}
	json_out_close(o);
}

/* Layers [from, to) of a stage; a boundary may lie inside a layer. */
static void out_stages(const struct deployment *d, const struct pool_spec *p, const uint32_t *nodes,
        struct json_out *o)
{
	uint32_t n = p->nodes_per_instance;

	json_out_open(o, "stages", '[');
	for (uint32_t i = 0; i < n; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "node",
		        component_name(&d->topology, d->topology.node_component0 + nodes[i]));
		if (p->artifact) {
			double layers = (double)p->artifact->spec.model.layers;

			json_out_real(o, "first_layer", layers * i / n);
			json_out_real(o, "layers", layers / n);
		}
		json_out_close(o);
	}
	json_out_close(o);
}

static void out_path(const struct deployment *d, const struct pool_spec *p, uint32_t instance,
        struct json_out *o)
{
	const struct topology *t = &d->topology;
	const uint32_t *nodes = pool_nodes(p, instance);
	uint32_t room = topology_path_room(t, p->nodes_per_instance);
	uint32_t *links = mem_alloc(room, sizeof(*links));
	uint32_t n = topology_path(t, nodes, p->nodes_per_instance, links, room);
	enum link_class reach = topology_reach(t, nodes, p->nodes_per_instance);

	json_out_open(o, NULL, '{');
	json_out_i64(o, "instance", instance);
	json_out_str(o, "reach", link_class_name(reach));
	json_out_bool(o, "in_rack", reach <= LINK_C2C_RACK);
	json_out_bool(o, "in_domain", reach <= LINK_C2C_POD);
	out_stages(d, p, nodes, o);
	json_out_open(o, "chips", '[');
	for (uint32_t i = 0; i < p->nodes_per_instance; i++)
		for (uint32_t c = 0; c < t->chips_per_node; c++)
			json_out_str(o, NULL,
			        component_name(
			                t, t->chip_component0 + nodes[i] * t->chips_per_node + c));
	json_out_close(o);
	json_out_open(o, "links", '[');
	for (uint32_t i = 0; i < n; i++)
		json_out_str(o, NULL, component_name(t, t->links[links[i]].component));
	json_out_close(o);
	json_out_close(o);
	mem_free(links);
}

static void out_pool(const struct deployment *d, const struct pool_spec *p, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", p->name);
	json_out_i64(o, "instances", p->n_instances);
	json_out_i64(o, "nodes_per_instance", p->nodes_per_instance);
	json_out_str(o, "entry", entry_names[p->entry]);
	json_out_str(o, "digest", p->artifact_digest);
	if (p->artifact)
		artifact_spec_out(&p->artifact->spec, o, "artifact");
	else
		json_out_null(o, "artifact");
	out_placement(p->artifact, o);
	json_out_i64(o, "reload_bytes_per_node", p->reload_bytes);
	out_timetable(p, o);
	json_out_open(o, "critical_paths", '[');
	for (uint32_t i = 0; i < p->n_instances; i++)
		out_path(d, p, i, o);
	json_out_close(o);
	json_out_close(o);
}

static void out_blast(const struct deployment *d, struct json_out *o)
{
	struct blast blast;

	blast_init(&blast, d);
	json_out_open(o, "blast_radius", '{');
	for (uint32_t c = 0; c < d->topology.n_components; c++) {
		if (!blast_any(&blast, c) && d->topology.components[c].kind != COMPONENT_PDU)
			continue;
		json_out_open(o, component_name(&d->topology, c), '{');
		json_out_open(o, "pools_down", '[');
		for (uint32_t i = 0; i < d->n_pools; i++)
			if (blast_pool_down(&blast, i, c))
				json_out_str(o, NULL, d->pools[i].name);
		json_out_close(o);
		json_out_open(o, "instances_down", '{');
		for (uint32_t i = 0; i < d->n_pools; i++)
			if (blast_instances(&blast, i, c))
				json_out_i64(o, d->pools[i].name, blast_instances(&blast, i, c));
		json_out_close(o);
		json_out_bool(o, "spare", blast_spare(d, c));
		json_out_close(o);
	}
	json_out_close(o);
	blast_free(&blast);
}

void compile_report_json(const struct deployment *d, struct json_out *o)
{
	const struct topology *t = &d->topology;

	json_out_open(o, NULL, '{');
	json_out_str(o, "schema", "lpuchaos.compile/1");
	json_out_str(o, "hardware", d->hardware.name);
	json_out_i64(o, "racks", t->n_racks);
	json_out_i64(o, "nodes", t->n_nodes);
	json_out_i64(o, "chips", t->n_chips);
	json_out_i64(o, "spares_per_rack", t->spares_per_rack);
	model_out(&d->model_shape, o, "model");
	json_out_str(o, "reach", link_class_name(deployment_reach(d)));
	json_out_i64(o, "artifact_count", deployment_artifacts(d));
	json_out_open(o, "pools", '[');
	for (uint32_t i = 0; i < d->n_pools; i++)
		out_pool(d, &d->pools[i], o);
	json_out_close(o);
	out_blast(d, o);
	json_out_open(o, "warnings", '[');
	for (uint32_t i = 0; i < d->n_warnings; i++)
		json_out_str(o, NULL, d->warnings[i]);
	json_out_close(o);
	json_out_close(o);
}
