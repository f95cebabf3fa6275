/* A bench for model tests: the smallest deployments, driven straight through emulator/rack.h with
 * arrivals that the test gives, everything it answers kept by request id. */
#ifndef LPC_TESTS_RACK_BENCH_H
#define LPC_TESTS_RACK_BENCH_H

#include "emulator/rack.h"

struct bench_request {
	int64_t at_ns, prompt, output, max;
	uint32_t tenant, tier;
};

struct bench_answer {
	bool refused, completed, reset, begun;
	enum rack_refusal why;
	int64_t retry_after_s, refused_at, reset_at, at_ns;
	struct rack_completion done;
	int64_t n_gaps, gap_sum_ns, gap_max_ns;
};

/* Faults are played by a callback at chosen instants (ascending). */
struct bench_event {
	int64_t at_ns;
	void (*fire)(const struct fault_sink *sink, int64_t now, void *ctx);
	void *ctx;
};

enum { BENCH_FAULTS = 4 };

struct bench {
	struct arena arena;
	struct json *doc;
	struct deployment deployment;
	struct rack *rack;
	struct bench_answer *answers; /* by index of the request */
	int64_t phase[BENCH_FAULTS][PHASE_COUNT];
	int64_t ended_ns;
	struct rack_counts counts;
	enum path_scope worst;
	uint8_t digest_before[32], digest_after[32];
	/* With mirror_every: everything that moved. */
	uint32_t mirror_every;
	struct wire_message *moves;
	uint32_t n_moves, moves_capacity;
	/* with tokens: instants by (request, index) for requests of up to tokens_max tokens */
	int64_t *token_at;
	bool *token_wrong;
	int64_t tokens_max;
};

/* Parses the deployment (JSON text; asserts that it is good). */
void bench_init(struct bench *b, const char *deployment);
void bench_free(struct bench *b);

/* Plays the requests (ascending at_ns) and events until nothing is due or `until`. */
void bench_play(struct bench *b, const struct bench_request *req, uint32_t n,
        const struct bench_event *events, uint32_t n_events, int64_t until);

#endif
