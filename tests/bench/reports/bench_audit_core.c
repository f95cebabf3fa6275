/* What a packet costs the audit, in ns, by the number of flows: eight classes, packets in memory as
 * libpcap's reader gives them, so that its part is not in it.
 *
 * usage: bench_audit_core [PACKETS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "harness/base/arena.h"
#include "harness/base/prng.h"
#include "harness/base/units.h"
#include "reports/audit.h"
#include "tests/support/audit_bench.h"

enum { BYTES = 14 + 20 + 20 + 40 };

#define CLASSES(first)                                                                             \
	"{\"version\":1,\"racks\":[{\"name\":\"r0\",\"addresses\":[\"10.0.0.0/"                    \
	"16\"]},{\"name\":\"r1\",\"addresses\":[\"10.1.0.0/16\"]}],\"classes\":[" first            \
	"{\"name\":\"b\",\"filter\":\"ether proto 0x88b5\",\"critical\":true},"                    \
	"{\"name\":\"c\",\"filter\":\"udp port 4710\"},{\"name\":\"d\",\"filter\":\"udp port "     \
	"4711\"},{\"name\":\"e\",\"filter\":\"udp port 4712 or tcp port "                          \
	"5000\"},{\"name\":\"f\",\"filter\":\"tcp port 8000 or tcp port "                          \
	"443\"},{\"name\":\"g\",\"filter\":\"arp or icmp or icmp6\"},{\"name\":\"h\",\"filter\":"  \
	"\"udp or tcp\"}]}"

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void measure(const char *what, const char *topology, uint32_t flows, bool cross, uint64_t n)
{
	uint8_t *packets = mem_alloc(flows, BYTES), *stream = mem_alloc(n, BYTES);
	struct audit_bench b;
	uint64_t key = prng_purpose(1, "bench");
	char from[32], to[32];
	int64_t begin;

	for (uint32_t i = 0; i < flows; i++) {
		uint8_t bytes[MADE_BYTES_MAX];
		struct made m = {.from = from,
		        .to = to,
		        .sport = (uint16_t)(1024 + i % 50000),
		        .dport = (uint16_t)(i % 3 ? 4711 : 8000),
		        .tcp = i % 3 == 0,
		        .payload = i % 3 ? 52 : 40};

		snprintf(from, sizeof(from), "10.0.%u.%u", i / 50000 % 256, 1 + i % 250);
		snprintf(to, sizeof(to), "10.%d.%u.%u", cross, i / 7 % 256, 1 + i % 249);
		make_packet(&m, bytes);
		memcpy(packets + (size_t)i * BYTES, bytes, BYTES);
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t u = prng_at(key, i, 0);

		memcpy(stream + i * BYTES, packets + (size_t)prng_below(u, flows) * BYTES, BYTES);
	}
	bench_open(&b, topology, NULL);
	begin = now_ns();
	for (uint64_t i = 0; i < n; i++)
		audit_packet(b.audit, (int64_t)i * 1000, stream + i * BYTES, BYTES, BYTES);
	bench_finish(&b);
	printf("%-32s %8u flows  %6.1f ns a packet  (%s)\n", what, (unsigned)flows,
	        (double)(now_ns() - begin) / (double)n, b.result->pass ? "pass" : "no pass");
	bench_close(&b);
	mem_free(packets);
	mem_free(stream);
}

int main(int argc, char **argv)
{
	static const uint32_t flows[] = {100, 10000, 60000, 1000000};
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	const char *keyed = CLASSES("{\"name\":\"a\",\"filter\":\"udp port 4700\"},");
	const char *beyond = CLASSES("{\"name\":\"a\",\"filter\":\"udp[8:4] = 7\"},");

	for (size_t i = 0; i < ARRAY_LEN(flows); i++) {
		measure("in rack", keyed, flows[i], false, n);
		measure("a filter on the payload", beyond, flows[i], false, n);
		measure("across racks", keyed, flows[i], true, n);
	}
	return EXIT_SUCCESS;
}
