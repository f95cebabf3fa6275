/* A server process for tests: the emulator's server in front of a rack, started in a child (which
 * makes its own ring) and stopped through a pipe. */
#ifndef LPC_TESTS_SERVE_FIXTURE_H
#define LPC_TESTS_SERVE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "emulator/serve.h"

/* Ten frames of 10 ms hold 64 prompt tokens each; nothing waits for long and nothing is refused. */
extern const char serve_fixture_small[];

/* Serves until stop_fd reads end of file. Writes the port to ready_fd (2 bytes) when it listens.
 * Tenants: default, other; tiers: interactive, batch. Returns an exit code; errors on stderr. */
int serve_fixture_run(const char *deployment_json, const char *listen,
        const struct serve_limits *limits, int stop_fd, int ready_fd);

struct served {
	pid_t pid;
	int stop_fd;
	uint16_t port;
};

/* A child that runs it on a free port of 127.0.0.1. limits may be NULL. Asserts that it came up. */
struct served served_start(const char *deployment_json, const struct serve_limits *limits);
int served_stop(struct served *s); /* the child's exit code, 128 + the signal that ended it */

/* A connected socket (5 s receive time-out), asserted. */
int served_connect(const struct served *s);
/* The same with a small receive buffer: a reader that can be slow. */
int served_connect_narrow(const struct served *s, int rcvbuf_bytes);
void served_send(int fd, const char *text);

/* Reads into buf until `until` has been seen, end of file, or n - 1 bytes. NUL-terminates; returns
 * the length. until NULL = to the end. */
size_t served_read(int fd, char *buf, size_t n, const char *until);

/* POST of a body on an open connection. */
void served_post(int fd, const char *path, const char *body);

/* GET on a connection of its own; the whole answer in buf. */
size_t served_get(const struct served *s, const char *path, char *buf, size_t n);
/* The value of a metric's first sample; asserted to be there. */
double served_metric(const struct served *s, const char *name);

#endif
