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

enum { CAPTURE_WHY_BYTES = 320 };

/* How the reading of a capture ended. */
struct capture_end {
	uint64_t packets;            /* that were fed */
	bool cut;                    /* before its end: DOUBT_CUT was told */
	char why[CAPTURE_WHY_BYTES]; /* then one line: where, and libpcap's words */
};

/* Whether it is a capture of a link type that the audit reads, without feeding anything: for all
 * files before the first of them is read. What cannot be opened twice (a pipe) is not looked at. */
enum status capture_check(const char *path, struct error *err) LPC_MUST_USE;

/* Feeds a whole file ("-" = standard input) to the audit, which calls it `name`. ERR_USAGE: it is
 * no capture, or of a link type that the audit cannot read, or its interfaces differ in theirs. A
 * file that is cut or broken further on is fed up to there, with DOUBT_CUT. `end` may be NULL. As
 * soon as *stop (may be NULL) is not 0 the reading ends as cut; but standard input is read to its
 * end in spite of SIGINT, which a terminal sends to the program that writes there, too. */
enum status capture_file(struct audit *a, const char *path, const char *name,
        const volatile sig_atomic_t *stop, struct capture_end *end, struct error *err) LPC_MUST_USE;

struct capture_live {
	const char *interface;             /* or "any" */
	int64_t for_ns;                    /* 0 = until *stop */
	uint32_t snaplen;                  /* 0 = 262144 */
	uint32_t buffer_bytes;             /* of the kernel; 0 = 16 MiB */
	const volatile sig_atomic_t *stop; /* may be NULL: then its end is no cut, but the end */
	/* Capturing has begun, privileges are dropped; may be NULL. An error ends it. */
	enum status (*opened)(void *ctx, struct error *err);
	void *ctx;
};

/* ERR_ENVIRONMENT: no such interface, or no permission (the message says what would help). Root,
 * saved ids and every capability are given up, for the whole process and for good, as soon as the
 * socket is open (harness/net/demote.h). What the kernel and the interface dropped is told to the
 * audit; an interface that goes away ends the capture with DOUBT_CUT. */
enum status capture_live(struct audit *a, const struct capture_live *options,
        struct capture_end *end, struct error *err) LPC_MUST_USE;

#endif
