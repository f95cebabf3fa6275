/* A client on the virtual clock that is watched token by token, because it may leave, stop reading
 * or lose patience: what it has seen, and when. On the wall clock real sockets do the same
 * (harness/load/flight.c).
 *
 * A client that has stopped reading sees nothing until it goes on; then it sees all that came
 * meanwhile at once. What neither the sockets nor the server's queue can hold makes the server
 * close the connection (emulator/serve_stream.c); the client learns of it when it reads again. */
#ifndef LPC_RUN_WATCHED_H
#define LPC_RUN_WATCHED_H

#include "emulator/rack.h"
#include "harness/load/gaps.h"
#include "harness/run/demand.h"

enum watched_step { WATCHED_NOTHING, WATCHED_FIRST, WATCHED_LEAVES, WATCHED_STOPS, WATCHED_CLOSED };

struct watched {
	struct habit habit;
	int64_t seen; /* tokens */
	int64_t t_first, t_last;
	int64_t resume_at;   /* NS_NEVER while it reads */
	int64_t held;        /* tokens that came meanwhile */
	int64_t patience_at; /* gives up without a first token; NS_NEVER = it waits */
	bool leaves;         /* now */
	bool closed;         /* by the server */
	bool held_back;      /* `done` came while it did not read */
	struct rack_completion done;
	struct gaps gaps; /* memory outlives the client; watched_free() */
};

void watched_init(struct watched *w, const struct habit *habit);
void watched_free(struct watched *w);

/* Another attempt: nothing has come yet. */
void watched_attempt(struct watched *w);

/* A token reaches the client's end at `now`. What follows from it: */
enum watched_step watched_token(struct watched *w, int64_t now);

/* It reads again, at resume_at. */
void watched_resume(struct watched *w);

/* What it saw goes into the sample; `sum` gaps go out through `gap`, which may be NULL. */
void watched_fill(const struct watched *w, struct sample *s);

#endif
