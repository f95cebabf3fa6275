/* What an answer's head says about a request (FORMATS §1, "outcome"). */
#ifndef LPC_LOAD_OUTCOME_H
#define LPC_LOAD_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/load/load.h"

/* Of an answer that is no event stream with status 200. context_length: its body's error code said
 * so. */
enum load_outcome outcome_of_status(unsigned status, bool context_length);

/* Of a connection that ended before its answer did. status 0: before the head. */
enum load_outcome outcome_of_cut(unsigned status, bool event_stream, int error);

bool outcome_is_retried(enum load_outcome o, bool context_length);

/* How long to wait before attempt + 1 (attempts are counted from 1), when the target does not say:
 * 0.5 s doubling up to 8 s, less up to a quarter of it by u, so that refused clients do not come
 * back in step. */
int64_t outcome_back_off_ns(uint32_t attempt, uint64_t u);

#endif
