/* The compiler's answer for people: what fits where, how long a frame is and of what, which way the
 * path runs, and what each class of component takes with it. Long lists are counted, not printed;
 * the JSON form has them in full. */
#include "emulator/compile_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "emulator/blast.h"
#include "emulator/deployment_parts.h"

struct text {
	char *buf;
	size_t n, capacity;
};

static void LPC_PRINTF(2, 3) say(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->buf + t->n, t->capacity - t->n, fmt, args);
	va_end(args);
	CHECK(n >= 0);
	if ((size_t)n >= t->capacity - t->n) {
		t->capacity = 2 * (t->capacity + (size_t)n + 1);
		t->buf = mem_grow(t->buf, t->capacity, 1);
		va_start(args, fmt);
		n = vsnprintf(t->buf + t->n, t->capacity - t->n, fmt, args);
		va_end(args);
	}
	t->n += (size_t)n;
}

static double mib(int64_t bytes)
{
	return (double)bytes / 0x1p20;
}

static void say_placement(struct text *t, const struct artifact *a)
{
	say(t, "  digest %s\n", a->digest);
	say(t, "  weights %s, KV %s (%lld bytes a token), activations %s, compiler %s, target %s\n",
	        precision_name(a->spec.weights), precision_name(a->spec.kv),
	        (long long)a->kv_bytes_per_token, precision_name(a->spec.activations),
	        a->spec.compiler, a->spec.target);
	say(t,
	        "  SRAM of a chip, MiB: %.2f = reserved %.2f + weights %.2f + activations %.2f + "
	        "KV %.2f + free %.2f\n",
	        mib(a->sram_bytes), mib(a->reserved_bytes), mib(a->chip_weights_bytes),
	        mib(a->chip_activation_bytes), mib(a->chip_kv_bytes), mib(a->free_bytes));
}

static void say_timetable(struct text *t, const struct pool_spec *p)
{
	say(t, "  %9s %12s %6s %15s %14s\n", "max_seq", "frame us", "slots", "prefill t/frame",
	        "tokens/s slot");
	for (uint32_t i = 0; i < p->n_buckets; i++) {
		const struct bucket_spec *b = &p->buckets[i];

		say(t, "  %9lld %12.3f %6u %15lld %14.1f\n", (long long)b->max_seq,
		        (double)b->frame_ns / 1e3, b->slots, (long long)b->ppf,
		        1e9 / (double)b->frame_ns);
	}
	for (uint32_t i = 0; p->artifact && i < p->n_buckets; i++) {
		const struct frame_parts *f = &p->artifact->parts[i];

		say(t,
		        "  frame of %lld, us: fixed %.1f + weights %.1f + KV %.1f + all-reduce "
		        "%.1f + C2C %.1f + Ethernet %.1f\n",
		        (long long)p->buckets[i].max_seq, f->layers_fixed / 1e3,
		        f->weight_reads / 1e3, f->kv_reads / 1e3, f->all_reduce / 1e3,
		        f->c2c_hops / 1e3, f->ethernet_hops / 1e3);
	}
}

static void say_path(
        struct text *t, const struct deployment *d, const struct pool_spec *p, uint32_t instance)
{
	static const char *const verdicts[] = {
	        "in rack", "in rack", "in domain, not in rack", "crosses Ethernet"};
	const struct topology *top = &d->topology;
	const uint32_t *nodes = pool_nodes(p, instance);

	say(t, "  critical path of instance %u: %s;", instance,
	        verdicts[topology_reach(top, nodes, p->nodes_per_instance)]);
	for (uint32_t i = 0; i < p->nodes_per_instance; i++) {
		uint32_t links[2];
		uint32_t n = i ? topology_hop(top, nodes[i - 1], nodes[i], links) : 0;

		for (uint32_t k = 0; k < n; k++)
			if (top->links[links[k]].class >= LINK_C2C_POD)
				say(t, " [%s]",
				        top->components[top->links[links[k]].component].name);
		say(t, " %s", top->components[top->node_component0 + nodes[i]].name);
	}
	say(t, "\n");
}

static const char *class_of(const struct topology *t, uint32_t component)
{
	static const char *const kinds[] = {"rack", "node", "chip", "link", "pdu", "fan"};
	const struct component *c = &t->components[component];

	return c->kind == COMPONENT_LINK ? link_class_name(t->links[c->index].class)
	                                 : kinds[c->kind];
}

/* Components stand in order of their class, so neighbours with the same effect form one line. */
static bool same_effect(const struct blast *b, uint32_t x, uint32_t y)
{
	const struct deployment *d = b->d;

	if (strcmp(class_of(&d->topology, x), class_of(&d->topology, y)) ||
	        blast_spare(d, x) != blast_spare(d, y))
		return false;
	for (uint32_t i = 0; i < d->n_pools; i++)
		if (blast_instances(b, i, x) != blast_instances(b, i, y))
			return false;
	return true;
}

static void say_effect(struct text *t, const struct blast *b, uint32_t component, uint32_t n)
{
	const struct deployment *d = b->d;

	say(t, "  %5u x %-9s e.g. %-22s", n, class_of(&d->topology, component),
	        d->topology.components[component].name);
	for (uint32_t i = 0; i < d->n_pools; i++) {
		uint32_t stopped = blast_instances(b, i, component);

		if (stopped)
			say(t, " %s %u of %u%s;", d->pools[i].name, stopped,
			        d->pools[i].n_instances,
			        blast_pool_down(b, i, component) ? ", pool down" : "");
	}
	say(t, " %s\n", blast_spare(d, component) ? "spare stands in" : "no spare");
}

static void say_blast(struct text *t, const struct deployment *d)
{
	struct blast b;
	uint32_t n = d->topology.n_components;
	bool *said = mem_alloc(n, sizeof(*said));

	blast_init(&b, d);
	say(t, "blast radius (instances that stop when one of them fails):\n");
	for (uint32_t c = 0; c < n; c++) {
		uint32_t count = 0;

		if (said[c] || !blast_any(&b, c))
			continue;
		for (uint32_t other = c; other < n; other++)
			if (!said[other] && same_effect(&b, c, other)) {
				said[other] = true;
				count++;
			}
		say_effect(t, &b, c, count);
	}
	blast_free(&b);
	mem_free(said);
}

char *compile_report_text(const struct deployment *d)
{
	struct text t = {.buf = mem_alloc(4096, 1), .capacity = 4096};

	say(&t, "%s on %s: %u rack%s, %u nodes (%u spare a rack), %u chips\n", d->model,
	        d->hardware.name, d->topology.n_racks, d->topology.n_racks == 1 ? "" : "s",
	        d->topology.n_nodes, d->topology.spares_per_rack, d->topology.n_chips);
	for (uint32_t i = 0; i < d->n_pools; i++) {
		const struct pool_spec *p = &d->pools[i];

		say(&t, "pool %s: %u instance%s of %u node%s, entry %s, %s\n", p->name,
		        p->n_instances, p->n_instances == 1 ? "" : "s", p->nodes_per_instance,
		        p->nodes_per_instance == 1 ? "" : "s", entry_names[p->entry],
		        p->artifact ? "compiled" : "explicit timetable");
		if (p->artifact)
			say_placement(&t, p->artifact);
		say_timetable(&t, p);
		for (uint32_t k = 0; k < p->n_instances; k++)
			say_path(&t, d, p, k);
	}
	say_blast(&t, d);
	for (uint32_t i = 0; i < d->n_warnings; i++)
		say(&t, "warning: %s\n", d->warnings[i]);
	return t.buf;
}
