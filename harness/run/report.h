/* report.html of a directory, made from the files in it alone (docs/REPORT.md): of a run, written
 * at its end and again by `lpuchaos report`, and of what else the commands leave. */
#ifndef LPC_RUN_REPORT_H
#define LPC_RUN_REPORT_H

#include "harness/base/error.h"

#define REPORT_FILE "report.html"

/* Makes the page of what lies in dir, known by its main file. ERR_USAGE: nothing of ours lies
 * there, or that file cannot be read. Files beside it that are missing or broken are said to be, in
 * the page. */
enum status report_write(const char *dir, struct error *err) LPC_MUST_USE;

/* The command: prints where the page is. Returns the exit code. */
int report_run(const char *dir);

#endif
