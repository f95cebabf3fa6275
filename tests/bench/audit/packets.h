/* Made-up traffic of four racks for the benchmarks: eight classes, TCP and UDP, IPv4 and IPv6,
 * tagged or not, frames of the critical path. Nothing critical leaves its rack. */
#ifndef LPC_TESTS_BENCH_AUDIT_PACKETS_H
#define LPC_TESTS_BENCH_AUDIT_PACKETS_H

#include <stdint.h>

enum { PACKETS_CLASSES = 8 };

extern const char packets_topology[];                      /* JSON */
extern const char *const packets_filters[PACKETS_CLASSES]; /* as in it */

/* A pcap file of n packets in `flows` flows, to a descriptor; 0, or an errno. Same arguments, same
 * bytes. */
int packets_write(int fd, uint64_t n, uint32_t flows);

#endif
