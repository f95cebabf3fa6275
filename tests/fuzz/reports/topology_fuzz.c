/* Any bytes as the topology of an audit: refused in its place, or read, and then each end of each
 * packet lies in one of its racks or outside, and an audit by it comes to a result that can be
 * written. Filters are taken by a compiler that knows two words: libpcap's own grammar asks name
 * servers for what it does not know. */
#include "harness/base/json.h"
#include "harness/base/wire.h"
#include "reports/audit.h"
#include "reports/text.h"

#include <string.h>

enum { FRAMES = 6, BYTES = 128 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct packet {
	uint8_t b[BYTES];
	uint32_t n;
};

static enum status compile(void *ctx, struct jval v, const char *expression, struct arena *arena,
        struct filter *out, struct error *err)
{
	bool all = strcmp(expression, "all") == 0;

	(void)ctx;
	if (!all && strcmp(expression, "four") != 0)
		return json_expected(v, err, "'all' or 'four'");
	out->n = all ? 1 : 4;
	out->insns = ARENA_ARRAY(arena, struct filter_insn, out->n);
	if (all) {
		out->insns[0] = (struct filter_insn){0x06, 0, 0, 1};
	} else {
		out->insns[0] = (struct filter_insn){0x28, 0, 0, 12};
		out->insns[1] = (struct filter_insn){0x15, 0, 1, 0x0800};
		out->insns[2] = (struct filter_insn){0x06, 0, 0, 1};
		out->insns[3] = (struct filter_insn){0x06, 0, 0, 0};
	}
	return ERR_NONE;
}

/* Ethernet with an IP packet of protocol UDP, of whose addresses `last` are the last bytes. */
static void make_ip(struct packet *p, bool six, uint8_t from, uint8_t to)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
	uint8_t *ip = p->b + 14;

	memset(p, 0, sizeof(*p));
	memcpy(p->b, macs, sizeof(macs));
	p->b[12] = six ? 0x86 : 0x08;
	p->b[13] = six ? 0xdd : 0x00;
	ip[0] = six ? 0x60 : 0x45;
	ip[six ? 5 : 3] = six ? 8 : 28;
	ip[six ? 6 : 9] = 17;
	ip[six ? 8 : 12] = six ? 0xfd : 10;
	ip[six ? 24 : 16] = six ? 0xfd : 10;
	ip[six ? 23 : 15] = from;
	ip[six ? 39 : 19] = to;
	ip[six ? 40 : 20] = 0x12; /* port 4700 */
	ip[six ? 41 : 21] = 0x5c;
	p->n = 14 + (six ? 48 : 28);
}

static void make_packets(struct packet p[static FRAMES])
{
	struct wire_message m = {.from = {0, 1, 2}, .to = {1, 3, 4}, .critical = true};

	make_ip(&p[0], false, 1, 2);
	make_ip(&p[1], false, 2, 7);
	make_ip(&p[2], true, 1, 2);
	memset(&p[3], 0xff, sizeof(p[3])); /* to everybody */
	p[3].n = 60;
	memset(&p[4], 0, sizeof(p[4]));
	p[4].n = (uint32_t)wire_encode(&m, p[4].b);
	m.plane = WIRE_CONTROL;
	m.to = (struct wire_end){0, WIRE_HOST_CONTROL, WIRE_NONE};
	p[5].n = (uint32_t)wire_encode(&m, p[5].b);
}

static void check_racks(const struct audit_topology *t, const struct packet *p)
{
	uint8_t scratch[BYTES + 64];
	struct audit_frame f;

	CHECK(audit_frame_read(AUDIT_LINK_ETHERNET, p->b, p->n, p->n, scratch, &f));
	for (unsigned end = 0; end < 2; end++) {
		int rack = audit_rack_of(t, &f, end);

		CHECK(rack == AUDIT_OUTSIDE || (rack >= 0 && (uint32_t)rack < t->n_racks));
		CHECK(audit_rack_of(t, &f, end) == rack);
	}
}

static void check_audit(const struct audit_topology *t, const struct packet *packets)
{
	struct audit_config config = {.topology = t,
	        .violations_max = 4,
	        .flows_max = 4,
	        .datagrams_max = 8,
	        .remembered_max = 8};
	struct audit *a = audit_create(&config);
	const struct audit_result *r;
	struct json_out out;
	struct text text;

	audit_begin(a, "fuzz", AUDIT_LINK_ETHERNET, "EN10MB", 262144, false);
	for (unsigned i = 0; i < FRAMES; i++)
		audit_packet(a, (int64_t)i * 1000, packets[i].b, packets[i].n, packets[i].n);
	r = audit_finish(a);
	CHECK(r->packets == FRAMES && !(r->pass && r->fail));
	CHECK(r->fail == (r->violations > 0));
	json_out_init(&out, 0);
	render_audit(r, &out, NULL);
	text_init(&text, 1 << 20);
	render_audit_text(r, &text);
	CHECK(!text.cut);
	text_free(&text);
	json_out_free(&out);
	audit_free(a);
}

static void check_topology(const struct audit_topology *t, bool audit)
{
	struct packet packets[FRAMES];

	CHECK(t->n_racks >= 1 && t->n_racks <= AUDIT_RACKS_MAX);
	CHECK(t->n_pods >= 1 && t->n_pods <= t->n_racks);
	CHECK(t->n_classes <= AUDIT_CLASSES_MAX);
	for (uint32_t i = 0; i < t->n_racks; i++)
		CHECK(t->racks[i].pod < t->n_pods && t->racks[i].name);
	for (uint32_t i = 0; i < t->n_classes; i++)
		CHECK(filter_is_sound(&t->classes[i].filter));
	make_packets(packets);
	for (unsigned i = 0; i < FRAMES; i++)
		check_racks(t, &packets[i]);
	if (audit)
		check_audit(t, packets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct audit_compiler compiler = {.compile = compile};
	struct error err = ERROR_INIT;
	struct audit_topology t;
	struct arena arena;
	struct json *doc;

	if (json_parse("fuzz", (const char *)data, size, &doc, &err) != ERR_NONE)
		return 0;
	arena_init(&arena, 0);
	if (audit_topology_parse(json_root(doc), &compiler, &arena, &t, &err) == ERR_NONE)
		check_topology(&t, size % 8 == 0); /* an audit is much larger than a topology */
	else
		CHECK(err.code == ERR_USAGE && err.line > 0 && err.text[0] != '\0');
	arena_free(&arena);
	json_free(doc);
	return 0;
}
