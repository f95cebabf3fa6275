/* What verify has to say: defects as they are found, and the answers to what an auditor asks. */
#ifndef LPC_RUN_VERIFY_REPORT_H
#define LPC_RUN_VERIFY_REPORT_H

#include "harness/base/json.h"
#include "reports/verify.h"

enum { VERIFY_KEPT_MAX = 200 }; /* defects that are told; all are counted */

struct verify_found {
	enum defect defect;
	char *file, *text;
};

/* An auditor's questions, in the order of their answers. */
enum verify_question {
	ASKED_ALTERED, /* was it altered, and who says so */
	ASKED_TESTED,  /* what was tested */
	ASKED_PROMISED,
	ASKED_DONE,   /* which faults happened */
	ASKED_JUDGED, /* by which rule, from which data */
	ASKED_REDONE, /* can it be redone */
	ASKED_COUNT
};

struct verify_answer {
	enum verify_question question;
	char *as, *text; /* the run's folder, "" = the pack */
};

struct verify_report {
	uint64_t defects;
	uint32_t n_found, n_answers, answers_capacity;
	struct verify_found found[VERIFY_KEPT_MAX];
	struct verify_answer *answers;
	uint32_t verdicts[4]; /* of the runs, by enum verdict; none is in order if all are 0 */
};

void verify_report_init(struct verify_report *r);
void verify_report_free(struct verify_report *r);

/* Prints it at once. Control characters in what the pack says are made visible. */
void verify_report_found(
        struct verify_report *r, enum defect d, const char *file, const char *text);
void verify_report_answer(struct verify_report *r, enum verify_question q, const char *as,
        const char *fmt, ...) LPC_PRINTF(4, 5);

/* The answers, and the last line. */
void verify_report_print(const struct verify_report *r, const char *pack);
void verify_report_json(const struct verify_report *r, const char *pack, struct json_out *o);

#endif
