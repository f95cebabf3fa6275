/* A scenario on the virtual clock, with everything that only the virtual clock can give: the twin
 * runs without each fault (damage, coalescence), replicas where a percentile is undecided, and the
 * verdict. It is the whole of `run --clock virtual`, and the companion of every wall run (DESIGN
 * §2). */
#ifndef LPC_RUN_EVALUATE_H
#define LPC_RUN_EVALUATE_H

#include <signal.h>
#include "harness/run/book.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/scenario.h"

enum {
	EVALUATE_TWINS_MAX = 32,    /* faults with a twin; beyond, damage is null */
	EVALUATE_REPLICAS_MAX = 32, /* FORMATS §1 */
};
/* Replicas stop when this many requests were simulated: about 5 s of CPU. A count, not a time, so
 * that the verdict does not depend on the machine. */
#define EVALUATE_REPLICA_REQUESTS UINT64_C(10000000)

struct evaluation {
	struct virtual_result run;
	struct score *score; /* decided */
	const struct score_result *result;
	struct score_fault *faults; /* by fault, recover and damage filled in */
	struct book book;           /* empty unless somebody compares */
	uint32_t replicas;
	uint64_t events; /* of all runs made */
	/* What the run's own packets say (score_facts); nobody asks them unless they are told. */
	enum packets packets_in_rack, packets_in_pod;
	const char *packets_doubt;
	bool valid;
	const char *reasons[4]; /* borrowed */
	uint32_t n_reasons;
};

/* `compared`: the book is kept for a wall run that will be held against this one. Without it, and
 * without a fault whose twin needs it, memory does not grow with the number of requests. */
enum status evaluate(const struct scenario *s, bool compared,
        const volatile sig_atomic_t *interrupt, struct evaluation *out,
        struct error *err) LPC_MUST_USE;
void evaluation_free(struct evaluation *e);

/* The parts of evaluate, for who puts them together otherwise: the run itself, without twins; then,
 * if wanted, replicas, together at most so many requests; then the verdict. A fault's `settled` may
 * be set before that. evaluation_free in any case. */
struct evaluate_taps {
	bool keep_book;
	void (*sample)(void *ctx, const struct sample *s); /* virtual_options */
	void (*gaps)(void *ctx, uint64_t id, int64_t gap_ns, int64_t n);
	void *sample_ctx;
	/* virtual_options: of the run itself, of no twin and no replica. */
	uint32_t mirror_every, mirror_frames;
	int64_t mirror_period_ns;
	void (*moved)(void *ctx, const struct wire_message *m);
	void *moved_ctx;
	const struct virtual_tamper *tamper;
};
enum status evaluate_play(const struct scenario *s, const struct evaluate_taps *taps,
        const volatile sig_atomic_t *interrupt, struct evaluation *out,
        struct error *err) LPC_MUST_USE;
/* All that evaluate makes but the verdict: the run, its twins, its replicas. The book is kept if
 * the taps say so or a twin needs it. */
enum status evaluate_run(const struct scenario *s, const struct evaluate_taps *taps,
        const volatile sig_atomic_t *interrupt, struct evaluation *out,
        struct error *err) LPC_MUST_USE;
enum status evaluate_replicas(const struct scenario *s, uint64_t most_requests,
        const volatile sig_atomic_t *interrupt, struct evaluation *e,
        struct error *err) LPC_MUST_USE;
void evaluate_decide(const struct scenario *s, struct evaluation *e);

/* What a sweep asks of a run: whether all that was asked for was observed, by this one run: each
 * percentile on the side of its limit that was wanted, without a test of how sure that is, and no
 * twins. A sweep makes thousands of runs; near its edges replicas would be undecided, too. */
struct probe {
	bool holds;
	uint64_t requests;
	uint8_t digest[DIGEST_BYTES];
};

enum status evaluate_probe(const struct scenario *s, const volatile sig_atomic_t *interrupt,
        struct probe *out, struct error *err) LPC_MUST_USE;

/* What the rack came through, as the `reached` expectations ask. */
void evaluate_paths(const struct rack_counts *counts, struct score_facts *facts);

/* Counts what faults cost one request, in the run with them and in that without (NULL: it was not
 * in that run); true when the two differ by more than a frame, which is the scenario's largest. */
bool evaluate_damage_of(const struct book_entry *with, const struct book_entry *without,
        int64_t frame, struct score_fault *fault);
int64_t evaluate_largest_frame(const struct scenario *s);

/* Damage and coalescence of fault `index`: the run against its twin. The requests that the fault
 * itself added are not compared. */
void evaluate_damage(const struct scenario *s, const struct book *with, const struct book *without,
        uint32_t index, struct score_fault *fault);

#endif
