/* What load.c (the run) and flight.c (the life of one request) share; nobody else includes it. */
#ifndef LPC_LOAD_LOAD_PRIVATE_H
#define LPC_LOAD_LOAD_PRIVATE_H

#include "harness/base/arena.h"
#include "harness/base/fifo.h"
#include "harness/base/heap.h"
#include "harness/base/pool.h"
#include "harness/load/client.h"
#include "harness/load/gaps.h"
#include "harness/load/load.h"
#include "harness/load/request.h"
#include "harness/net/ring.h"
#include "harness/net/sse.h"

enum {
	EVENT_BYTES_MAX =
	        32768, /* of one server-sent event, and of an error body that is looked at */
	FLIGHTS_MAX = 1 << 21, /* requests live at once */
};

enum flight_state {
	FLIGHT_WAITING, /* for a connection */
	FLIGHT_ACTIVE,  /* on a wire */
	FLIGHT_RESTING, /* before its next attempt */
};

/* A request from its planned instant until its sample has been delivered. sample.outcome is at
 * every moment the outcome it would have if the run ended now. */
struct flight {
	struct load_sample sample;
	struct load *load;
	struct wire *wire; /* while active */
	uint32_t index;
	uint32_t before, after; /* in its tenant's list of live ones */
	enum flight_state state;
	bool tail_due;          /* the request's last bytes are still to be written … */
	int64_t filler_due;     /* … and so many bytes of filler before them */
	int64_t retry_after_ns; /* what the target asked for, -1 = nothing */
	bool context_length;    /* a refusal that would be repeated for ever */
	bool corrupt;
	bool over;                 /* the stream has come to its end, as said by … */
	enum load_outcome verdict; /* … what its events said */
	int64_t patience_ns;       /* it gives up without a first token then; NS_NEVER = it waits */
	int64_t resume_ns;         /* it does not read before; NS_NEVER = it reads */
	bool sent;                 /* this attempt's first byte was taken by the kernel */
	uint64_t prompt;           /* digest, for verification */
	struct sse_parser events;
	uint32_t body, body_len; /* of an error answer, in a carry buffer; POOL_NONE = none */
	struct gaps gaps;
};

/* The live requests of one tenant, in order of their planned instants and therefore, the time-out
 * being the tenant's, of their deadlines. */
struct flight_list {
	uint32_t first, last;
};

struct watch {
	int fd;
	void (*fn)(void *ctx, int fd);
	void *ctx;
};

struct load {
	struct load_config config;
	struct arena arena;
	struct ring *ring;
	struct client *client;
	struct request_maker maker;
	struct pool flights; /* of struct flight */
	struct pool carries; /* buffers for events cut by a buffer's end, and for error bodies */
	struct fifo waiting; /* handles, oldest first; stale ones are skipped */
	struct heap resting; /* handles by instant */
	struct heap acting;  /* of clients that will leave or read again */
	struct flight_list *live; /* by tenant */
	uint64_t jitter;          /* purpose key */
	bool running, stopping, over;
	int64_t t0_ns;
	int64_t next_tick_ns;
	int64_t wake_ns; /* run time the loop was asked to wake at */
	uint64_t n_waiting;
	uint32_t watch_op;
	uint32_t n_watches;
	struct watch watches[LOAD_WATCH_MAX];
	struct load_result *result;
};

/* --- flight.c
 * ------------------------------------------------------------------------------------- */

extern const struct client_handler flight_client_handler; /* its ctx is the struct load */

/* Takes up the request that the source has just handed over and sends it if a wire is idle. */
void flight_launch(struct load *l, const struct load_request *r);

/* The next attempt of a resting flight; the handle may be stale. */
void flight_relaunch(struct load *l, uint64_t handle);

/* What a client was to do at this instant; the handle may be stale. */
void flight_act(struct load *l, uint64_t handle, int64_t now_ns);

/* The earliest deadline, NS_NEVER when nothing is live, and what happens at it. */
int64_t flight_deadline(const struct load *l, uint32_t *index);
void flight_time_out(struct load *l, uint32_t index, int64_t now_ns);

/* Ends everything that is live, each with the outcome it stands at. */
void flight_finish_all(struct load *l, int64_t now_ns);

#endif
