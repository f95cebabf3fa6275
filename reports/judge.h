/* The order of judgement of one run (DESIGN §8). */
#ifndef LPC_REPORTS_JUDGE_H
#define LPC_REPORTS_JUDGE_H

#include <stdbool.h>
#include "reports/score.h"

struct judge_case {
	bool corrupt, interrupted, aborted_by_rule, valid;
	bool any_fail, any_inconclusive, asked; /* over SLOs and expectations */
	bool steady;                            /* true where no fault was planned */
};

struct judgement {
	enum verdict verdict;
	int exit_code;
};

struct judgement judge(const struct judge_case *c);

#endif
