/* What the phases of shrinking share (shrink.h): the search so far, and drafts of what could be
 * smaller. */
#ifndef LPC_RUN_SHRINK_PARTS_H
#define LPC_RUN_SHRINK_PARTS_H

#include "harness/run/shrink.h"

/* The lists of a scenario that things are taken from. Elements and what was parsed of them have the
 * same index. */
enum shrink_list {
	SHRINK_FAULTS,
	SHRINK_TRAFFIC,
	SHRINK_SLO,
	SHRINK_EXPECT,
	SHRINK_ABORT,
	SHRINK_LISTS
};
enum { SHRINK_ITEMS_MAX = 256, SHRINK_STEPS_KEPT = 32 };

extern const char *const shrink_list_names[SHRINK_LISTS];

/* A scenario that misses what is kept, and when its faults began. */
struct shrink_step {
	uint32_t users;
	struct scenario *s;
	int64_t *inject_ns; /* by fault; -1 = it did not begin */
};

struct shrink_memo; /* plans that were played, by digest */

struct shrinker {
	const struct shrink_request *request;
	const volatile sig_atomic_t *interrupt;
	struct error *err; /* of a run that could not be made; ends the search */
	struct shrink_result *out;
	struct shrink_step *best;
	struct shrink_step *steps[SHRINK_STEPS_KEPT]; /* the last ones accepted, oldest first */
	uint32_t n_steps;
	uint64_t accepted;
	struct arena arena;
	const char *manner; /* in which the first run missed it */
	bool corrupt;       /* tokens were, in the first run */
	bool replicas;      /* the first run alone was undecided */
	struct shrink_memo *memo;
};

/* Nothing more is run. */
bool shrink_stopped(const struct shrinker *w);

struct shrink_step *shrink_step_keep(struct shrink_step *step);
void shrink_step_drop(struct shrink_step *step);

/* Index of the kept rule in its list. */
uint32_t shrink_kept_index(const struct shrinker *w, const struct scenario *s);

/* Plays `from` with the members of `changes` in place of its own (null: without). True if it misses
 * the same; then, if `accept`, it is the best. */
bool shrink_try(
        struct shrinker *w, const struct shrink_step *from, struct jval changes, bool accept);

/* How a fault of a draft is another than that of the scenario it is made from. */
struct shrink_fault_change {
	int64_t at_ns;      /* it begins then; -1 = as it did */
	bool once;          /* then and never again, whoever it waited for */
	const char *target; /* JSON; NULL = as it was */
};

/* `from`, with less in it. */
struct shrink_draft {
	const struct shrink_step *from;
	bool keep[SHRINK_LISTS][SHRINK_ITEMS_MAX];
	struct shrink_fault_change fault[SHRINK_ITEMS_MAX];
	struct {
		enum shrink_list list;
		uint32_t index;
		const char *text; /* JSON of the whole element; NULL = none */
	} element;
	const char *key, *value; /* a member of the root, its JSON; NULL = none */
};

void shrink_draft(struct shrink_draft *d, const struct shrink_step *from);

/* Completes the draft (whoever waits for a fault that is gone is gone, too, as are rules that name
 * it or a tier without traffic) and plays it, unless what is kept would be gone. */
bool shrink_draft_try(struct shrinker *w, struct shrink_draft *d, bool accept);

/* Element `index` of a list of the scenario's document. */
struct jval shrink_element(const struct scenario *s, enum shrink_list list, uint32_t index);
uint32_t shrink_count(const struct scenario *s, enum shrink_list list);

/* The object without the member `key`, or with another value for it (JSON; added where it is not
 * there), as JSON text (mem_free). */
char *shrink_object_with(struct jval object, const char *key, const char *value);

/* Phase 1: whole elements, then what is in them, and what they hit; phase 2: numbers. The length of
 * the run and the begins of its faults are numbers that make every further step cheaper: they come
 * before the targets, of which there may be thousands. */
void shrink_lists(struct shrinker *w);
void shrink_members(struct shrinker *w);
void shrink_times(struct shrinker *w);
void shrink_targets(struct shrinker *w);
void shrink_numbers(struct shrinker *w);

#endif
