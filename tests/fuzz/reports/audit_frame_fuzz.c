/* Any bytes as a packet of any link. Whatever comes out must hold what audit_frame.h promises:
 * pieces of the input and of the scratch only, a key that lies in what was captured, no key where
 * not all is well; and normalising twice must be normalising once.
 *
 * The first byte picks the link, the second how much longer the packet was than its capture. */
#include "harness/base/check.h"
#include "reports/audit_frame.h"

#include <stdlib.h>
#include <string.h>

enum { SCRATCH_MORE = 64 };

static const int LINKS[] = {AUDIT_LINK_ETHERNET, AUDIT_LINK_NULL, AUDIT_LINK_RAW_BSD,
        AUDIT_LINK_RAW_OPENBSD, AUDIT_LINK_RAW, AUDIT_LINK_LOOP, AUDIT_LINK_COOKED, AUDIT_LINK_IPV4,
        AUDIT_LINK_IPV6, AUDIT_LINK_COOKED2, 147};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(const struct audit_frame *f)
{
	uint32_t least = 0;

	for (uint32_t i = 0; i < FILTER_KEY_BYTES; i++) {
		if (f->key.bits[i / 64] >> (i % 64) & 1)
			least = i + 1;
	}
	CHECK(least <= f->captured);
	CHECK((f->state == FRAME_WHOLE) == (f->flow.n > 0));
	CHECK((f->state == FRAME_WHOLE) == (least > 0));
	CHECK(f->flow.n <= AUDIT_FLOW_WORDS);
	for (uint32_t i = f->flow.n; i < AUDIT_FLOW_WORDS; i++)
		CHECK(f->flow.word[i] == 0);
	CHECK(audit_flow_equal(&f->flow, &f->flow));
}

static void check_frame(
        const struct audit_frame *f, const uint8_t *packet, size_t size, const uint8_t *scratch)
{
	CHECK(f->captured <= f->wire);
	if (f->bytes == scratch)
		CHECK(f->captured <= size + SCRATCH_MORE);
	else
		CHECK(f->bytes == packet && f->captured == size);
	CHECK(f->tags <= AUDIT_TAGS_MAX || f->state == FRAME_BROKEN);
	CHECK(!f->ports_known || !f->fragment || f->first);
	CHECK(f->fragment || (!f->first && !f->last));
	CHECK(!(f->first && f->last));
	CHECK(f->state == FRAME_WHOLE || (!f->ports_known && !f->ours_valid));
	check_key(f);
}

/* The frame that came out, as one that was captured. A fragment's header was taken out: what is
 * left does not know that it is one. */
static void check_again(const struct audit_frame *f)
{
	uint8_t *scratch = malloc(f->captured + SCRATCH_MORE);
	struct audit_frame g;

	CHECK(scratch != NULL);
	CHECK(audit_frame_read(AUDIT_LINK_ETHERNET, f->bytes, f->captured, f->wire, scratch, &g));
	CHECK(g.state == FRAME_WHOLE && g.bytes == f->bytes);
	CHECK(g.captured == f->captured && g.wire == f->wire && g.tags == 0);
	CHECK(g.net == f->net && g.protocol == f->protocol && g.ports_known == f->ports_known);
	CHECK(memcmp(g.address, f->address, sizeof(g.address)) == 0);
	CHECK(g.port[0] == f->port[0] && g.port[1] == f->port[1]);
	CHECK(g.ours_valid == f->ours_valid);
	CHECK(memcmp(&g.key, &f->key, sizeof(g.key)) == 0);
	for (unsigned i = 0; i < 2; i++)
		CHECK(memcmp(g.mac[i], f->mac[i], 6) == 0);
	free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_frame f;
	uint8_t *packet, *scratch;
	uint32_t captured, wire;
	int64_t longer;
	int link;

	if (size < 2)
		return 0;
	captured = (uint32_t)size - 2;
	link = LINKS[data[0] % ARRAY_LEN(LINKS)];
	longer = (int64_t)captured + (int8_t)data[1];
	wire = longer > 0 ? (uint32_t)longer : 0;
	packet = malloc(captured ? captured : 1); /* of that very size, so that asan sees its end */
	scratch = malloc(captured + SCRATCH_MORE);
	CHECK(packet != NULL && scratch != NULL);
	memcpy(packet, data + 2, captured);
	if (!audit_frame_read(link, packet, captured, wire, scratch, &f)) {
		CHECK(!audit_link_known(link));
	} else {
		check_frame(&f, packet, captured, scratch);
		if (wire < captured)
			CHECK(f.state == FRAME_BROKEN);
		if (f.state == FRAME_WHOLE && !f.fragment)
			check_again(&f);
	}
	free(packet);
	free(scratch);
	return 0;
}
