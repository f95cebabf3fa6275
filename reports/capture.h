/* Captures in, by libpcap: files, interfaces, and its compiler for class filters. The one part of
 * the audit that does I/O; reports/audit.h does not know it.
 *
 * Files are streamed: memory does not grow with them. pcapng interface statistics blocks are read
 * in passing (libpcap skips them): what they say was dropped is told to the audit. */
#ifndef LPC_REPORTS_CAPTURE_H
#define LPC_REPORTS_CAPTURE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "harness/base/error.h"
#include "reports/audit.h"

/* For audit_topology_parse: libpcap's language on the normalised frame (Ethernet). */
struct audit_compiler capture_compiler(void);

/* Feeds a whole file ("-" = standard input) to the audit. ERR_USAGE: it is no capture, or of a link
 * type that the audit cannot read; then nothing was fed. A file that is cut or broken further on is
 * fed up to there, with DOUBT_CUT. */
enum status capture_file(struct audit *a, const char *path, struct error *err) LPC_MUST_USE;

struct capture_live {
	const char *interface;
	int64_t for_ns;                    /* 0 = until *stop */
	uint32_t snaplen;                  /* 0 = 262144 */
	uint32_t buffer_bytes;             /* of the kernel; 0 = 16 MiB */
	const volatile sig_atomic_t *stop; /* may be NULL */
	void (*opened)(void *ctx); /* capturing has begun, privileges are dropped; may be NULL */
	void *ctx;
};

/* ERR_ENVIRONMENT: no such interface, or no permission (the message says what would help). Root,
 * saved ids and every capability are given up, for the whole process and for good, as soon as the
 * socket is open. */
enum status capture_live(
        struct audit *a, const struct capture_live *options, struct error *err) LPC_MUST_USE;

#endif
