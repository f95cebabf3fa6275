/* The wall run against its virtual companion, request by request (DESIGN §2 "Agreement"). So the
 * wall clock proves the model, and the model decides the percentile. */
#ifndef LPC_RUN_AGREEMENT_H
#define LPC_RUN_AGREEMENT_H

#include "harness/run/book.h"
#include "harness/run/evaluate.h"
#include "harness/run/ledger.h"
#include "reports/render.h"

/* Bounds: see struct result_agreement. `measured` from warmup on. */
void agreement_judge(const struct scenario *s, const struct book *wall, const struct ledger *ledger,
        const struct evaluation *companion, struct result_agreement *out);

#endif
