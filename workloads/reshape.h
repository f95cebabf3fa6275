/* Lengths bent while a fault of the family `shape` is in force. Pure functions of (seed, name,
 * request id), so that the twin run without the fault has every other request bit by bit the same,
 * and the order of events cannot matter (DESIGN §4, run-time draws). Applied when a request is
 * planned, before anybody sees it. */
#ifndef LPC_WORKLOADS_RESHAPE_H
#define LPC_WORKLOADS_RESHAPE_H

#include <stdbool.h>
#include <stdint.h>
#include "workloads/length.h"
#include "workloads/traffic.h"

/* A share of the requests takes other lengths. */
struct reshape_outlier {
	uint64_t key;                              /* of the fault's draws */
	uint64_t share_ppb;                        /* in 1e-9, at most 10^9 */
	const struct length_spec *prompt, *output; /* NULL = unchanged */
};

/* Lengths that grow with time, up to a ceiling; what is longer by itself stays as it is. */
struct reshape_creep {
	bool output;                  /* else the prompt */
	uint64_t tokens_per_min_nano; /* in 1e-9 tokens a minute */
	int64_t ceiling;              /* tokens */
};

/* A share of the requests takes a prompt that makes the whole sequence, prompt and max_tokens (the
 * answer's length where a request names none), `tokens` long; what is longer stays as it is. */
struct reshape_long {
	uint64_t key;
	uint64_t share_ppb;
	int64_t tokens;
};

/* Requests of one of many shapes: all of a shape have one prompt length, drawn by its number. */
struct reshape_variant {
	uint64_t key;
	uint32_t variant;                 /* of this request; 0 = none */
	const struct length_spec *prompt; /* NULL = unchanged */
};

/* All return whether a length of the arrival changed. output_tokens stays within max_tokens where
 * the arrival has one. */
bool reshape_outlier_apply(const struct reshape_outlier *o, struct arrival *a);
bool reshape_long_apply(const struct reshape_long *l, struct arrival *a);
/* True where the request has a shape, whether that changes its length or not. */
bool reshape_variant_apply(const struct reshape_variant *s, struct arrival *a);
/* since_ns: from the injection to the arrival's planned instant, >= 0. */
bool reshape_creep_apply(const struct reshape_creep *c, int64_t since_ns, struct arrival *a);

#endif
