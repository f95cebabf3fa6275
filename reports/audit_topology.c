/* Reading a topology by its field tables. Mistakes are answered where they stand: tables look after
 * keys and types, this file after what holds between them. */
#include "reports/audit_topology.h"
#include <stddef.h>
#include <string.h>
#include "reports/audit_places.h"

static const char *const scopes[] = {"rack", "pod", NULL};
static const char *const unclassified_words[] = {"fail", "warn", "ignore", NULL};

struct raw_topology {
	int64_t version;
	struct jval racks, classes, policy;
};

struct raw_rack {
	const char *name, *pod;
	struct jval addresses;
};

struct raw_class {
	const char *name, *filter;
	bool critical;
};

struct raw_policy {
	int scope, unclassified;
};

#define FIELD(raw, key, kind, member)                                                              \
	.name = (key), .type = (kind), .offset = offsetof(struct raw, member)

static const struct field top_fields[] = {
        {FIELD(raw_topology, "version", FIELD_INT, version), .flags = FIELD_REQUIRED, .min = 1,
                .max = 1, .help = "of this format"},
        {FIELD(raw_topology, "racks", FIELD_ARRAY, racks), .flags = FIELD_REQUIRED,
                .help = "who is where"},
        {FIELD(raw_topology, "classes", FIELD_ARRAY, classes),
                .help = "of traffic; a packet belongs to the first whose filter it meets"},
        {FIELD(raw_topology, "policy", FIELD_OBJECT, policy), .help = "what is a violation"},
};

static const struct field rack_fields[] = {
        {FIELD(raw_rack, "name", FIELD_NAME, name), .flags = FIELD_REQUIRED,
                .help = "of the rack, unique"},
        {FIELD(raw_rack, "pod", FIELD_NAME, pod),
                .help = "racks that name the same pod are in it; default: a pod of its own"},
        {FIELD(raw_rack, "addresses", FIELD_ARRAY, addresses), .flags = FIELD_REQUIRED,
                .help = "what its hosts and components are known by"},
};

static const struct field class_fields[] = {
        {FIELD(raw_class, "name", FIELD_NAME, name), .flags = FIELD_REQUIRED,
                .help = "of the class, unique"},
        {FIELD(raw_class, "filter", FIELD_STRING, filter), .flags = FIELD_REQUIRED,
                .help = "libpcap filter expression (pcap-filter), asked of the normalised frame"},
        {FIELD(raw_class, "critical", FIELD_BOOL, critical), .fallback = "false",
                .help = "whether its packets must stay inside of the scope"},
};

static const struct field policy_fields[] = {
        {FIELD(raw_policy, "scope", FIELD_ENUM, scope), .choices = scopes, .fallback = "\"rack\"",
                .help = "what critical packets must not leave"},
        {FIELD(raw_policy, "unclassified_cross_rack", FIELD_ENUM, unclassified),
                .choices = unclassified_words, .fallback = "\"fail\"",
                .help = "what a packet of no class is that goes from rack to rack"},
};

void audit_topology_tables(struct field_table tables[static AUDIT_TABLES])
{
	tables[0] = (struct field_table){"", top_fields, ARRAY_LEN(top_fields)};
	tables[1] = (struct field_table){"racks[]", rack_fields, ARRAY_LEN(rack_fields)};
	tables[2] = (struct field_table){"classes[]", class_fields, ARRAY_LEN(class_fields)};
	tables[3] = (struct field_table){"policy", policy_fields, ARRAY_LEN(policy_fields)};
}

/* --- names --------------------------------------------------------------------------- */

/* Names in the order of the file, found by name: a small hash table of indexes. */
struct names {
	uint32_t mask;
	uint32_t *slots; /* index + 1; 0 = free */
	const char **at;
};

static struct names names_new(struct arena *arena, uint32_t n)
{
	struct names s = {.mask = 16};

	while (s.mask < 2 * n)
		s.mask *= 2;
	s.slots = ARENA_ARRAY(arena, uint32_t, s.mask);
	s.at = ARENA_ARRAY(arena, const char *, n + 1);
	s.mask--;
	return s;
}

/* The index of that name; `next` if it is new. */
static uint32_t names_put(struct names *s, const char *name, uint32_t next)
{
	uint32_t h = 2166136261u;

	for (const char *c = name; *c; c++)
		h = (h ^ (uint8_t)*c) * 16777619u;
	for (h ^= h >> 15; s->slots[h & s->mask]; h++)
		if (strcmp(s->at[s->slots[h & s->mask] - 1], name) == 0)
			return s->slots[h & s->mask] - 1;
	s->slots[h & s->mask] = next + 1;
	s->at[next] = name;
	return next;
}

/* --- racks --------------------------------------------------------------------------- */

static enum status add_address(struct jval v, int rack, struct audit_topology *t, struct error *err)
{
	char buf[PLACE_EXPECTED_MAX];
	const char *expected = "an address, a port or a component, as a string";
	struct place place;
	struct jval first;
	unsigned line, col;
	int other;

	if (json_string(v))
		expected = place_parse(json_string(v), &place, buf);
	if (expected)
		return json_expected(v, err, "%s", expected);
	other = audit_places_add(t->places, &place, rack, v, &first);
	if (other < 0 || other == rack)
		return ERR_NONE;
	json_position(first, &line, &col);
	return json_error(v, err,
	        "expected an address of one rack, found \"%s\", which rack %s has, too (line %u, "
	        "column %u)",
	        json_string(v), t->racks[other].name, line, col);
}

static enum status parse_rack(struct jval v, uint32_t index, struct names *names,
        struct names *pods, struct audit_topology *t, struct error *err)
{
	struct audit_rack *rack = &t->racks[index];
	struct raw_rack raw;
	struct jval a;

	if (json_read(v, rack_fields, ARRAY_LEN(rack_fields), &raw, err) != ERR_NONE)
		return err->code;
	rack->name = raw.name;
	if (names_put(names, raw.name, index) != index)
		return json_expected(json_get(v, "name"), err, "a name that no rack before it has");
	if (!json_count(raw.addresses))
		return json_expected(raw.addresses, err, "at least one address");
	rack->pod = UINT32_MAX;
	if (raw.pod) {
		rack->pod = names_put(pods, raw.pod, t->n_pods);
		t->pods[rack->pod] = raw.pod;
		t->n_pods += rack->pod == t->n_pods;
	}
	for (a = json_first(raw.addresses); json_type(a) != JSON_NONE; a = json_next(a))
		if (add_address(a, (int)index, t, err) != ERR_NONE)
			return err->code;
	return ERR_NONE;
}

/* A rack that names no pod is alone in one that has its name: which nobody else may have meant. */
static enum status lone_pods(
        struct jval racks, struct names *pods, struct audit_topology *t, struct error *err)
{
	uint32_t named = t->n_pods;

	for (uint32_t i = 0; i < t->n_racks; i++) {
		struct audit_rack *r = &t->racks[i];

		if (r->pod != UINT32_MAX)
			continue;
		r->pod = names_put(pods, r->name, t->n_pods);
		if (r->pod < named)
			return json_error(json_at(racks, i), err,
			        "expected the key 'pod', found none, and the pod \"%s\" that it "
			        "would "
			        "have of its own is that of other racks",
			        r->name);
		t->pods[t->n_pods++] = r->name;
	}
	return ERR_NONE;
}

/* Addresses of all racks; what is no list is found out later, in its place. */
static uint32_t count_addresses(struct jval racks)
{
	size_t n = 0;

	for (struct jval r = json_first(racks); json_type(r) != JSON_NONE; r = json_next(r)) {
		struct jval list =
		        json_type(r) == JSON_OBJECT ? json_get(r, "addresses") : (struct jval){0};

		if (json_type(list) == JSON_ARRAY)
			n += json_count(list);
		if (n > AUDIT_ADDRESSES_MAX)
			return UINT32_MAX;
	}
	return (uint32_t)n;
}

static enum status parse_racks(
        struct jval racks, struct arena *arena, struct audit_topology *t, struct error *err)
{
	size_t n = json_count(racks);
	uint32_t addresses = count_addresses(racks), i = 0;
	struct names names, pods;

	if (n == 0 || n > AUDIT_RACKS_MAX)
		return json_expected(racks, err, "1 to %d racks", AUDIT_RACKS_MAX);
	if (addresses == UINT32_MAX)
		return json_expected(
		        racks, err, "at most %d addresses in all", AUDIT_ADDRESSES_MAX);
	t->n_racks = (uint32_t)n;
	t->racks = ARENA_ARRAY(arena, struct audit_rack, n);
	t->pods = ARENA_ARRAY(arena, const char *, n);
	t->places = audit_places_create(arena, addresses);
	names = names_new(arena, t->n_racks);
	pods = names_new(arena, t->n_racks);
	for (struct jval r = json_first(racks); i < t->n_racks; r = json_next(r))
		if (parse_rack(r, i++, &names, &pods, t, err) != ERR_NONE)
			return err->code;
	return lone_pods(racks, &pods, t, err);
}

/* --- classes ------------------------------------------------------------------------- */

static enum status parse_class(struct jval v, uint32_t index, struct names *names,
        const struct audit_compiler *compiler, struct arena *arena, struct audit_topology *t,
        struct error *err)
{
	struct audit_class *class = &t->classes[index];
	struct jval filter;
	struct raw_class raw;

	if (json_read(v, class_fields, ARRAY_LEN(class_fields), &raw, err) != ERR_NONE)
		return err->code;
	if (names_put(names, raw.name, index) != index)
		return json_expected(
		        json_get(v, "name"), err, "a name that no class before it has");
	filter = json_get(v, "filter");
	if (raw.filter[strspn(raw.filter, " \t\r\n")] == '\0')
		return json_expected(
		        filter, err, "a filter expression (all packets: \"len >= 0\")");
	*class = (struct audit_class){
	        .name = raw.name, .expression = raw.filter, .critical = raw.critical};
	if (compiler->compile(compiler->ctx, filter, raw.filter, arena, &class->filter, err) !=
	        ERR_NONE)
		return err->code;
	CHECK(filter_is_sound(&class->filter));
	return ERR_NONE;
}

static enum status parse_classes(struct jval classes, const struct audit_compiler *compiler,
        struct arena *arena, struct audit_topology *t, struct error *err)
{
	size_t n = json_count(classes);
	struct names names;
	uint32_t i = 0;

	if (n > AUDIT_CLASSES_MAX)
		return json_expected(classes, err, "at most %d classes", AUDIT_CLASSES_MAX);
	t->n_classes = (uint32_t)n;
	t->classes = ARENA_ARRAY(arena, struct audit_class, n + 1);
	names = names_new(arena, t->n_classes);
	for (struct jval c = json_first(classes); i < t->n_classes; c = json_next(c))
		if (parse_class(c, i++, &names, compiler, arena, t, err) != ERR_NONE)
			return err->code;
	return ERR_NONE;
}

enum status audit_topology_parse(struct jval v, const struct audit_compiler *compiler,
        struct arena *arena, struct audit_topology *out, struct error *err)
{
	struct raw_topology raw;
	struct raw_policy policy;

	*out = (struct audit_topology){.file = json_file(v.doc)};
	if (json_read(v, top_fields, ARRAY_LEN(top_fields), &raw, err) != ERR_NONE ||
	        parse_racks(raw.racks, arena, out, err) != ERR_NONE ||
	        parse_classes(raw.classes, compiler, arena, out, err) != ERR_NONE)
		return err->code;
	json_defaults(policy_fields, ARRAY_LEN(policy_fields), &policy);
	if (json_type(raw.policy) != JSON_NONE &&
	        json_read(raw.policy, policy_fields, ARRAY_LEN(policy_fields), &policy, err) !=
	                ERR_NONE)
		return err->code;
	out->scope = (enum audit_scope)policy.scope;
	out->unclassified = (enum audit_unclassified)policy.unclassified;
	return ERR_NONE;
}
