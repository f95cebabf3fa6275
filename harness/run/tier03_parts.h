/* Inside of tier03.c: the four parts of the document, a file each. Nobody else includes this. */
#ifndef LPC_RUN_TIER03_PARTS_H
#define LPC_RUN_TIER03_PARTS_H

#include "harness/run/tier03.h"

enum { TIER03_TEXT = 1024 };

struct tier03 {
	const struct suite *suite;
	const struct scenario_list *list;
	const struct verdict_run *const *runs; /* by index of the list */
	char (*folders)[TIER03_NAME];          /* likewise; "": not judged */
	bool *harm, *remedy;                   /* likewise: its role in any claim */
	const char *out_dir;
	const volatile sig_atomic_t *interrupt;
	char names[TIER03_FILES][TIER03_NAME];
	char claims_file[TIER03_NAME];
	struct jval claims; /* the list in it */
	uint64_t requests;  /* simulated for N-1 so far */
	struct json_out *o;
	struct error *err;
};

/* Members that every statement has. The sentence is formatted. */
void tier03_say(struct tier03 *t, const char *label, const char *fmt, ...) LPC_PRINTF(3, 4);
/* Its evidence: open, links, close. A link is a file, from the folder of the pack, and a pointer in
 * it (RFC 6901), formatted; NULL: the file as a whole. */
void tier03_evidence(struct tier03 *t);
void tier03_link(struct tier03 *t, const char *file, const char *fmt, ...) LPC_PRINTF(3, 4);
/* The same of a file of a scenario's run; nothing where it was not judged. */
void tier03_link_run(struct tier03 *t, uint32_t scenario, const char *file, const char *fmt, ...)
        LPC_PRINTF(4, 5);
void tier03_evidence_end(struct tier03 *t);

/* The document of a run's file, or NULL where there is none; the caller's. */
struct json *tier03_read(struct tier03 *t, uint32_t scenario, const char *file);

/* A scenario as if nothing broke: a copy of the struct, without faults and what would judge it. */
struct scenario tier03_healthy(const struct scenario *s);

/* null below 0. */
void tier03_ms(struct tier03 *t, const char *key, int64_t ns);

/* Members of the open document. */
void tier03_assumptions(struct tier03 *t);
void tier03_queueing(struct tier03 *t);
void tier03_redundancy(struct tier03 *t);
void tier03_position(struct tier03 *t);

#endif
