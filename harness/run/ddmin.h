/* Delta debugging: the smallest part of a set that still fails, as far as taking one element away
 * at a time can tell.
 *
 * A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions
 * on Software Engineering 28(2), 2002, section 3: ddmin. The empty set is asked about first, which
 * the paper takes as known not to fail.
 *
 * What is left is 1-minimal: it fails, and without any single one of its elements it does not. At
 * most n² + 3n + 1 questions for n elements; 2 log2 n + 3 where one element alone is to blame and
 * every set that has it fails. Deterministic: the questions are a function of the answers.
 *
 * Pure: no clock, no chance, no files. */
#ifndef LPC_RUN_DDMIN_H
#define LPC_RUN_DDMIN_H

#include <stdbool.h>
#include <stdint.h>

enum { DDMIN_MAX = 65536 };

/* Does the set still fail? kept: its n elements, ascending; n may be 0. A set that cannot be asked
 * about (it means nothing, the search is cut) does not fail. */
typedef bool ddmin_fails_fn(void *ctx, const uint32_t *kept, uint32_t n);

/* The set {0, …, n − 1}, which is known to fail, n at most DDMIN_MAX. Leaves the elements of the
 * smallest set found in kept (room for n), ascending, and returns how many they are. */
uint32_t ddmin(uint32_t n, ddmin_fails_fn *fails, void *ctx, uint32_t *kept);

#endif
