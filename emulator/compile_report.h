/* What `lpuchaos compile` prints of a deployment: placement and SRAM budget, timetable with the
 * parts of every frame, stages, hops and critical paths, blast radius, digest, warnings. Of an
 * explicit timetable what is known: no placement, no parts, no digest. */
#ifndef LPC_EMULATOR_COMPILE_REPORT_H
#define LPC_EMULATOR_COMPILE_REPORT_H

#include "emulator/deployment.h"
#include "harness/base/json.h"

/* One object, "schema": "lpuchaos.compile/1". What is not known is null. */
void compile_report_json(const struct deployment *d, struct json_out *o);

/* The same for people, several lines, each ended by a newline. The caller frees it with mem_free().
 */
char *compile_report_text(const struct deployment *d) LPC_MUST_USE;

#endif
