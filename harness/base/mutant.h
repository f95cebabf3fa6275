/* Planted defects. A build with -DLPUCHAOS_MUTANTS=ON holds every defect of the list below, asleep;
 * the environment's LPUCHAOS_MUTANT wakes one of them by its name. scripts/mutants runs the model
 * tests against each and names the test that notices: a defect that nobody notices means that the
 * tests do not hold what they promise.
 *
 * In every other build MUTANT() is the constant false, and nothing of this is compiled. A defect
 * stands where its mistake would be made, as a condition in the very expression that it spoils. */
#ifndef LPC_BASE_MUTANT_H
#define LPC_BASE_MUTANT_H

#include <stdbool.h>

/* X(NAME, "name", "what it does wrong") */
#define MUTANTS(X)                                                                                 \
	X(FRAME_OFF_BY_ONE, "frame-off-by-one", "a request takes one frame too many")              \
	X(SLOT_LATE, "slot-late", "a freed slot is used again a frame late")                       \
	X(TOKEN_REPEATED, "token-repeated", "a replay says its last token a second time")          \
	X(SUSPICION_KEPT, "suspicion-kept", "a revert forgets to take back a suspicion")           \
	X(SPARE_TWICE, "spare-twice", "a spare that is in use is given away again")                \
	X(POLL_FROM_FAULT, "poll-from-fault",                                                      \
	        "health polls are counted from the fault, not t = 0")                              \
	X(RETRY_TWICE, "retry-twice", "an attempt to send again is counted twice")                 \
	X(REFUSAL_DROPPED, "refusal-dropped", "what was refused is not counted")                   \
	X(INFINITE_AS_ZERO, "infinite-as-zero", "a failed request counts as answered at once")     \
	X(WARMUP_COUNTED, "warmup-counted", "requests of the warm-up are measured")                \
	X(JITTER_KEPT, "jitter-kept", "Ethernet jitter outlives its revert")                       \
	X(LIFO_QUEUE, "lifo-queue", "the last to come is the first to be served")                  \
	X(COUNTER_ONLY, "counter-only",                                                            \
	        "a link that is down is noted in the ledger and stops nobody")                     \
	X(WAITER_FORGOTTEN, "waiter-forgotten",                                                    \
	        "an instance that waits for a node is not told when there is one again")           \
	X(SDC_UNNOTICED, "sdc-unnoticed", "a wrong token goes out as a right one")                 \
	X(WRONG_NODE, "wrong-node",                                                                \
	        "a lost unit takes its mirror image in the rack with it instead")                  \
	X(REWIRED_UNJUDGED, "rewired-unjudged",                                                    \
	        "data goes where a swapped cable leads, and the path is not judged again")         \
	X(SPARE_ELSEWHERE, "spare-elsewhere",                                                      \
	        "data goes to a node of another rack than the spare that was recorded")            \
	X(MIRRORED_AS_ORDERED, "mirrored-as-ordered",                                              \
	        "a mirror shows where a cable should lead, not where it does")                     \
	X(DEAD_ANSWER, "dead-answer", "a mirror shows a lost node that answers its polls")         \
	X(RESERVE_FORGOTTEN, "reserve-forgotten",                                                  \
	        "a cable that only a failover brings into use is held for one of no use")          \
	X(MANNER_FORGOTTEN, "manner-forgotten", "shrinking takes never for late")                  \
	X(REST_UNASKED, "rest-unasked", "delta debugging never asks about all but one part")

#ifdef LPUCHAOS_MUTANTS
#define MUTANT_ID(id, name, help) MUTANT_##id,
enum mutant { MUTANT_NONE, MUTANTS(MUTANT_ID) MUTANT_COUNT };
#undef MUTANT_ID

/* Set before main() from LPUCHAOS_MUTANT; an unknown name ends the program with exit 2. */
extern enum mutant mutant_awake;
#define MUTANT(id) (mutant_awake == MUTANT_##id)
#else
#define MUTANT(id) false
#endif

#endif
