/* `audit`: a topology, captures or an interface, a verdict. docs/AUDIT.md says how to read it.
 *
 * The last of what it does is to judge: 0 pass, 1 a violation was seen, 4 none was seen but
 * something may have been missed; 2 and 3 where it could not be looked. SIGINT and SIGTERM end a
 * live capture, and what there is is judged as usual; the reading of a file they break off
 * (130, 143), with what was seen until then. */
#ifndef LPC_RUN_AUDIT_H
#define LPC_RUN_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

enum { AUDIT_LIMIT_MAX = 1000000, AUDIT_BUFFER_MIB_MAX = 1024, AUDIT_CAPTURES_MAX = 4096 };

struct audit_options {
	const char *const *files; /* operands: captures like those of --pcap, and after them */
	uint32_t n_files;
	const char *const *pcap;
	uint32_t n_pcap;
	const char *topology, *interface;
	const char *duration; /* --for; NULL: 30s */
	const char *out_dir;  /* audit.json and audit.txt; NULL: none */
	int64_t limit;        /* violations that are kept */
	int64_t buffer_mib;   /* of a live capture */
	bool json;
};

/* Text on stderr, with --json the result as one line on stdout. Returns the exit code. */
int execute_audit(const struct audit_options *options);

#endif
