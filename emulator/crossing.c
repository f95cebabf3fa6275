#include "emulator/crossing.h"

#include "emulator/deployment_parts.h"

struct hops {
	uint32_t c2c, ethernet;
};

/* From rack to rack, of one pass over the nodes. */
static struct hops crossing_hops(const struct topology *t, const uint32_t *nodes, uint32_t n)
{
	struct hops hops = {0, 0};

	for (uint32_t i = 0; i + 1 < n; i++) {
		uint32_t links[2], n_links = topology_hop(t, nodes[i], nodes[i + 1], links);

		for (uint32_t k = 0; k < n_links; k++) {
			bool ethernet = t->links[links[k]].class == LINK_ETHERNET;

			hops.ethernet += ethernet;
			hops.c2c += !ethernet && topology_link_crosses(t, links[k]);
		}
	}
	return hops;
}

struct crossing crossing_of(const struct deployment *d)
{
	struct crossing out = {0};

	for (uint32_t i = 0; i < d->n_pools; i++)
		for (uint32_t k = 0; k < d->pools[i].n_instances; k++) {
			struct hops hops = crossing_hops(&d->topology, pool_nodes(&d->pools[i], k),
			        d->pools[i].nodes_per_instance);

			if (hops.c2c + hops.ethernet == 0)
				continue;
			out.instances++;
			out.stated |= !d->pools[i].artifact;
			if (hops.c2c + hops.ethernet > out.hops) {
				out.hops = hops.c2c + hops.ethernet;
				out.ethernet = hops.ethernet;
			}
		}
	return out;
}

/* What the hardware says of the most that an instance of the pool crosses. */
static int64_t crossing_ns(const struct deployment *d, const struct pool_spec *p)
{
	int64_t c2c_ns = hardware_i64(&d->hardware, HW_HOP_LATENCY), most = 0;

	for (uint32_t k = 0; k < p->n_instances; k++) {
		struct hops hops =
		        crossing_hops(&d->topology, pool_nodes(p, k), p->nodes_per_instance);
		int64_t ns = hops.c2c * c2c_ns + hops.ethernet * d->ethernet.hop_ns;

		if (ns > most)
			most = ns;
	}
	return most;
}

void crossing_free(const struct deployment *d, struct deployment *out)
{
	*out = *d;
	for (uint32_t i = 0; i < d->n_pools; i++) {
		struct pool_spec *p = &out->pools[i];
		struct compile_site site = nodes_site_in_rack(d, p);
		int64_t ns = crossing_ns(d, p);

		for (uint32_t b = 0; b < p->n_buckets && ns > 0; b++) {
			int64_t *frame = &p->buckets[b].frame_ns;

			if (p->artifact)
				*frame = artifact_frame_at(p->artifact, b, &site);
			else
				*frame = *frame > ns ? *frame - ns : 1;
		}
	}
}
