/* Planted defects. A build with -DLPUCHAOS_MUTANTS=ON holds every defect of the list below, asleep;
 * the environment's LPUCHAOS_MUTANT wakes one of them by its name. scripts/mutants runs the test
 * that is to notice against each: where it does not, the tests do not hold what they promise.
 *
 * In every other build MUTANT() is the constant false, and nothing of this is compiled. A defect
 * stands where its mistake would be made, as a condition in the very expression that it spoils. */
#ifndef LPC_BASE_MUTANT_H
#define LPC_BASE_MUTANT_H

#include <stdbool.h>

/* X(NAME, "name", "the test that notices", "what it does wrong") */
#define MUTANTS(X)                                                                                 \
	X(FRAME_OFF_BY_ONE, "frame-off-by-one", "model_run_exact",                                 \
	        "a request takes one frame too many")                                              \
	X(SLOT_LATE, "slot-late", "model_run_exact", "a freed slot is used again a frame late")    \
	X(TOKEN_REPEATED, "token-repeated", "model_ethernet",                                      \
	        "a replay says its last token a second time")                                      \
	X(SUSPICION_KEPT, "suspicion-kept", "model_run_revert",                                    \
	        "a revert forgets to take back a suspicion")                                       \
	X(SPARE_TWICE, "spare-twice", "model_chains",                                              \
	        "a spare that is in use is given away again")                                      \
	X(POLL_FROM_FAULT, "poll-from-fault", "model_chains",                                      \
	        "health polls are counted from the fault, not t = 0")                              \
	X(RETRY_TWICE, "retry-twice", "model_run_demand",                                          \
	        "an attempt to send again is counted twice")                                       \
	X(REFUSAL_DROPPED, "refusal-dropped", "model_run_scoring",                                 \
	        "what was refused is not counted")                                                 \
	X(INFINITE_AS_ZERO, "infinite-as-zero", "model_run_scoring",                               \
	        "a failed request counts as answered at once")                                     \
	X(WARMUP_COUNTED, "warmup-counted", "model_run_scoring",                                   \
	        "requests of the warm-up are measured")                                            \
	X(JITTER_KEPT, "jitter-kept", "model_network", "Ethernet jitter outlives its revert")      \
	X(LIFO_QUEUE, "lifo-queue", "model_run_exact",                                             \
	        "the last to come is the first to be served")                                      \
	X(COUNTER_ONLY, "counter-only", "model_links",                                             \
	        "a link that is down is noted in the ledger and stops nobody")                     \
	X(WAITER_FORGOTTEN, "waiter-forgotten", "model_chains",                                    \
	        "an instance that waits for a node is not told when there is one again")           \
	X(SDC_UNNOTICED, "sdc-unnoticed", "model_chips", "a wrong token goes out as a right one")  \
	X(WRONG_NODE, "wrong-node", "model_chips",                                                 \
	        "a lost unit takes its mirror image in the rack with it instead")                  \
	X(REWIRED_UNJUDGED, "rewired-unjudged", "model_run_proof",                                 \
	        "data goes where a swapped cable leads, and the path is not judged again")         \
	X(SPARE_ELSEWHERE, "spare-elsewhere", "model_run_proof",                                   \
	        "data goes to a node of another rack than the spare that was recorded")            \
	X(MIRRORED_AS_ORDERED, "mirrored-as-ordered", "model_run_proof",                           \
	        "a mirror shows where a cable should lead, not where it does")                     \
	X(DEAD_ANSWER, "dead-answer", "model_moves",                                               \
	        "a mirror shows a lost node that answers its polls")                               \
	X(RESERVE_FORGOTTEN, "reserve-forgotten", "model_run_contingency",                         \
	        "a cable that only a failover brings into use is held for one of no use")          \
	X(MANNER_FORGOTTEN, "manner-forgotten", "model_run_shrink",                                \
	        "shrinking takes never for late")                                                  \
	X(REST_UNASKED, "rest-unasked", "model_run_shrink",                                        \
	        "delta debugging never asks about all but one part")                               \
	X(BATCH_LOST, "batch-lost", "unit_reports_store", "a run store lacks its last rows")       \
	X(REFUSED_UNASKED, "refused-unasked", "unit_reports_rescore_feed",                         \
	        "a judgement made again leaves refused requests out")                              \
	X(FILE_UNLISTED, "file-unlisted", "unit_reports_manifest",                                 \
	        "the manifest of a pack leaves a file out")                                        \
	X(ADDED_UNSEEN, "added-unseen", "unit_reports_manifest",                                   \
	        "a pack may hold files that no list names")                                        \
	X(NOTHING_WORSE, "nothing-worse", "unit_reports_compare",                                  \
	        "of two results neither is ever worse")                                            \
	X(ANY_KEY, "any-key", "unit_reports_sign", "a signature is good, whoever made it")

#ifdef LPUCHAOS_MUTANTS
#define MUTANT_ID(id, name, test, help) MUTANT_##id,
enum mutant { MUTANT_NONE, MUTANTS(MUTANT_ID) MUTANT_COUNT };
#undef MUTANT_ID

/* Set before main() from LPUCHAOS_MUTANT; an unknown name ends the program with exit 2. */
extern enum mutant mutant_awake;
#define MUTANT(id) (mutant_awake == MUTANT_##id)
#else
#define MUTANT(id) false
#endif

#endif
