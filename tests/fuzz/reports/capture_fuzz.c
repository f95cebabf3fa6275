/* Any bytes as a capture file, through libpcap and the whole audit: refused with a word, or read as
 * far as it goes, with a verdict that follows from what was counted. A file that is refused at its
 * beginning has fed nothing.
 *
 * The file is one of memory, written anew for each input. */
#include "harness/base/json.h"
#include "reports/audit.h"
#include "reports/capture.h"
#include "reports/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char TOPOLOGY[] =
        "{\"version\":1,\"racks\":["
        "{\"name\":\"r0\",\"addresses\":[\"10.0.0.0/24\",\"fd00::/"
        "64\",\"r0\",\"02:00:00:00:00:01\"]},"
        "{\"name\":\"r1\",\"pod\":\"p\",\"addresses\":[\"10.0.1.0/24\",\"fd01::/64\",\"r1\","
        "\"udp:4700\"]}],"
        "\"classes\":["
        "{\"name\":\"model\",\"filter\":\"udp port 4700\",\"critical\":true},"
        "{\"name\":\"ours\",\"filter\":\"ether proto 0x88b5\",\"critical\":true},"
        "{\"name\":\"web\",\"filter\":\"tcp portrange 1-1023 and len < 200\"},"
        "{\"name\":\"six\",\"filter\":\"ip6 and ip6[7] > 10\"}],"
        "\"policy\":{\"unclassified_cross_rack\":\"warn\"}}";

static struct audit_topology topology;
static int file = -1;
static char path[64];

static void prepare(void)
{
	static struct arena arena;
	struct audit_compiler compiler = capture_compiler();
	struct error err = ERROR_INIT;
	struct json *doc; /* the topology borrows from it: kept */

	arena_init(&arena, 0);
	CHECK(json_parse("fuzz", TOPOLOGY, strlen(TOPOLOGY), &doc, &err) == ERR_NONE);
	CHECK(audit_topology_parse(json_root(doc), &compiler, &arena, &topology, &err) == ERR_NONE);
	file = memfd_create("capture", MFD_CLOEXEC);
	CHECK(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
}

static void write_file(const uint8_t *data, size_t size)
{
	bool cleared = ftruncate(file, 0) == 0;
	ssize_t written = pwrite(file, data, size, 0);

	CHECK(cleared && written >= 0 && (size_t)written == size);
}

static void check_result(const struct audit_result *r, const struct capture_end *end)
{
	uint64_t packets = 0, doubts = 0, cells = 0;
	struct json_out out;
	struct text text;

	for (uint32_t i = 0; i < r->n_sources; i++)
		packets += r->sources[i].packets;
	for (unsigned d = 0; d < DOUBT_KINDS; d++)
		doubts += r->doubts[d];
	for (uint32_t i = 0; i < r->n_cells; i++)
		cells += r->cells[i].packets;
	CHECK(r->packets == packets && cells == packets && end->packets == packets);
	CHECK(r->fail == (r->violations > 0));
	CHECK(r->pass == (!r->fail && doubts == 0));
	CHECK(!end->cut || r->doubts[DOUBT_CUT] > 0);
	CHECK(packets > 0 || r->doubts[DOUBT_EMPTY] > 0);
	CHECK(r->n_kept <= r->violations && (r->n_kept > 0) == (r->violations > 0));
	json_out_init(&out, 0);
	render_audit(r, &out, NULL);
	text_init(&text, 1 << 20);
	render_audit_text(r, &text);
	text_free(&text);
	json_out_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_config config = {.topology = &topology,
	        .violations_max = 4,
	        .flows_max = 8,
	        .datagrams_max = 16,
	        .remembered_max = 8};
	struct error err = ERROR_INIT, checked = ERROR_INIT;
	struct capture_end end;
	struct audit *a;

	if (file < 0)
		prepare();
	write_file(data, size);
	a = audit_create(&config);
	if (capture_file(a, path, path, NULL, &end, &err) == ERR_NONE) {
		CHECK(capture_check(path, &checked) == ERR_NONE);
		check_result(audit_finish(a), &end);
	} else {
		CHECK(err.code == ERR_USAGE && err.text[0] != '\0');
		if (capture_check(path, &checked) != ERR_NONE)
			CHECK(audit_finish(a)->packets == 0);
	}
	audit_free(a);
	return 0;
}
