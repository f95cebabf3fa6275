/* What the commands run, emulate and explain do once their options are read: the top of the
 * composition root. The structures are what the command line fills in (harness/cli/cmd_*.c holds
 * the tables), so the defaults named here are the command line's. All texts are borrowed from argv
 * and outlive the call.
 *
 * Each function returns the program's exit code (DESIGN §8) and has by then reported: human text on
 * stderr, machine output on stdout, errors as one line through error_format. Seed and replay
 * command are printed first and last by execute_run. SIGPIPE is ignored before any of them is
 * called. */
#ifndef LPC_RUN_EXECUTE_H
#define LPC_RUN_EXECUTE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/run/scenario.h"

enum run_clock { RUN_CLOCK_WALL, RUN_CLOCK_VIRTUAL };

struct run_options {
	const char *const *files; /* scenarios or suites, at least one */
	uint32_t n_files;
	int clock;                        /* enum run_clock, default wall */
	bool clock_given;                 /* else a suite may choose */
	struct scenario_options scenario; /* --seed, --set: handed to scenario_load as they are */
	const char *out_dir;  /* results go to out_dir/<name>-<seed>-<clock>/; default "out" */
	const char *junit;    /* file to write, NULL = none but each result's own junit.xml */
	int64_t attempts;     /* runs of one scenario at most while they are invalid; default 3 */
	const char *samples;  /* requests with a row in run.sqlite: all, failed, or at most N */
	bool json;            /* results on stdout, one a line */
	const char *pack;     /* file to write, NULL = none */
	const char *sign_key; /* of the pack; NULL = not signed */
};

/* Of what moves, by the racks of its two ends. */
enum mirror_links { MIRROR_ALL, MIRROR_IN_RACK, MIRROR_CROSS_RACK };

struct emulate_options {
	const char *const *files; /* exactly one: the deployment */
	uint32_t n_files;
	const char *listen; /* "address:port", default "127.0.0.1:8000"; port 0 = any free one */
	const char *faults; /* file with an array of faults, timed from the start; NULL = none */
	uint64_t seed;      /* for the run-time draws of those faults, default 1 */
	bool has_seed;
	const char *mirror;      /* interface or file; NULL = no mirror */
	int64_t mirror_every;    /* one in so many requests; default 64 */
	int mirror_links;        /* enum mirror_links */
	const char *mirror_from; /* only what components of this rack send; NULL = of all */
};

struct relay_options {
	const char *a, *b;  /* interfaces; both are required */
	const char *faults; /* as of emulate_options, but of its Ethernet link alone */
	uint64_t seed;      /* for the draws of those faults, default 1 */
	bool has_seed;
	const char *for_; /* a duration; NULL = until SIGINT or SIGTERM */
	bool json;        /* what happened, on stdout */
};

/* Runs every scenario of every file and judges them: the suite's code is the first present of
 * 3, 1, 5, 4, 0; bad input (2) is found before anything starts. */
int execute_run(const struct run_options *options);

/* Serves until SIGINT or SIGTERM. */
int execute_emulate(const struct emulate_options *options);

/* Forwards frames between two interfaces until SIGINT, SIGTERM or the end of --for, then says what
 * it did: 0, or 3 if an interface went away. */
int execute_relay(const struct relay_options *options);

/* dir: a result directory that execute_run wrote. */
int execute_explain(const char *dir, uint64_t request);

#endif
