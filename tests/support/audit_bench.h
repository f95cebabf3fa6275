/* Audits for tests: a topology from text (filters by libpcap's compiler) and packets made by hand.
 * Also for benchmarks: a CHECK fails where a topology is refused that should be read. */
#ifndef LPC_TESTS_AUDIT_BENCH_H
#define LPC_TESTS_AUDIT_BENCH_H

#include "reports/audit.h"

/* --- topologies --- */

struct audit_bench {
	struct arena arena;
	struct json *doc;
	struct audit_topology topology;
	struct audit *audit;
	struct error err;
	char message[1024]; /* of the error, as a user sees it; "" if none */
	int64_t at_ns;      /* of the next packet */
	const struct audit_result *result;
};

/* True if it is a topology. bench_close() in both cases. */
bool bench_read(struct audit_bench *b, const char *text);
/* bench_read, and an audit of Ethernet is begun. Zeros are defaults. */
void bench_open(struct audit_bench *b, const char *text, const struct audit_config *config);
void bench_close(struct audit_bench *b);
const struct audit_result *bench_finish(struct audit_bench *b);

/* --- packets --- */

enum { MADE_BYTES_MAX = 1600 };

/* What a packet is made from. Zeros are sensible. */
struct made {
	const char *from, *to; /* addresses, "10.0.0.1" or "fd00::1"; NULL: an Ethernet frame of
	                          type 0x1234 */
	uint16_t sport, dport; /* 0, 0: ICMP's place is taken by an echo */
	bool tcp;
	uint8_t mac[2][6];               /* source, destination; zero: 02:00:00:00:00:01, :02 */
	unsigned tags;                   /* 802.1Q */
	uint32_t payload;                /* bytes */
	bool fragment, more;             /* more: not the last */
	uint32_t offset;                 /* in bytes, a multiple of 8 */
	uint32_t id;                     /* of the datagram */
	const struct wire_message *ours; /* instead of all of the above but tags */
};

/* Returns its length. */
uint32_t make_packet(const struct made *m, uint8_t out[static MADE_BYTES_MAX]);

/* To the audit, a millisecond after the one before. */
void bench_packet(struct audit_bench *b, const struct made *m);
/* … of which only so many bytes were captured. */
void bench_cut(struct audit_bench *b, const struct made *m, uint32_t captured);

#endif
