/* The inside of the virtual driver, shared by its parts and by nobody else: drive_virtual.c (the
 * loop, the faults, the signals), drive_clients.c (who sends, waits, tries again, leaves) and
 * drive_express.c (requests that nothing happens to). */
#ifndef LPC_RUN_DRIVE_STATE_H
#define LPC_RUN_DRIVE_STATE_H

#include "emulator/express.h"
#include "harness/base/heap.h"
#include "harness/base/pool.h"
#include "harness/run/demand.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/signals.h"
#include "harness/run/watched.h"
#include "reports/served.h"

enum { CLIENTS_MAX = 1 << 24, DIGEST_WORDS = 8 };

/* A request on the client's side, from its planned instant to its outcome. */
struct client {
	struct arrival a;
	uint64_t order; /* among all requests, by t_sched */
	int64_t t_sched;
	uint64_t handle; /* of the rack; UINT64_MAX while a retry waits */
	uint32_t attempts, prev, next;
	uint32_t watch;        /* of the watched, POOL_NONE = it only waits for its answer */
	enum outcome standing; /* of the last attempt, while a retry waits */
};

struct client_list { /* of one tenant, in order of t_sched: the head times out first */
	uint32_t head, tail;
};

/* Requests that end at one instant, sorted by id before they enter the digest. */
struct ended {
	uint64_t id, word[DIGEST_WORDS];
};

struct run {
	const struct scenario *s;
	const struct virtual_options *o;
	struct virtual_result *out;
	const struct virtual_tamper *tamper; /* what is still to come; NULL = nothing */
	struct arena arena;
	const char *names[TRAFFIC_TENANTS_MAX];
	struct rack *rack;
	struct demand *demand;
	struct fault_sink rack_side, client_side;
	struct fault_schedule schedule;
	struct fault_machines model, client;
	int64_t fault_at; /* the next thing that schedule or machines do */
	struct traffic *traffic;
	struct pool clients;
	struct client_list tenants[TRAFFIC_TENANTS_MAX];
	int64_t timeout_at;  /* no client in flight times out before */
	struct heap retries; /* (instant, id, client) */
	struct pool watches; /* of struct watched */
	struct heap acts;    /* of watched clients: (instant, id, client) */
	uint64_t back_off;   /* purpose of its draws, the load generator's too */
	struct arrival next;
	bool more;
	struct signals *signals; /* NULL when nobody listens */
	int64_t signal_at;
	uint64_t in_flight;
	struct lanes lanes, traffic_lanes;
	struct ended *ended;
	uint32_t n_ended, ended_capacity;
	int64_t ended_at;
	int64_t now, stop_at; /* duration + drain */
	bool stopped;
	struct ride *ride; /* drive_express.c */
	uint64_t ride_at;  /* no sooner than when so many are scheduled */
};

static inline struct client *client_at(struct run *r, uint32_t i)
{
	return pool_at(&r->clients, i);
}

/* drive_clients.c */
void clients_listen(struct run *r, struct rack_listener *listener); /* to the rack */
void clients_phase(void *run, uint32_t fault, enum fault_phase phase, int64_t at_ns);
enum status clients_pull(struct run *r, struct error *err) LPC_MUST_USE; /* the next arrival */
/* Whoever tries again now, then whoever comes now, in order of id. */
enum status clients_arrive(struct run *r, struct error *err) LPC_MUST_USE;
void clients_time_out(struct run *r);
void clients_act(struct run *r); /* the watched ones, by their habits */
/* The run is over: who waits has stalled, who never came was not sent. */
enum status clients_finish(struct run *r, struct error *err) LPC_MUST_USE;
void clients_flush(struct run *r); /* what ended last, into the digest */
/* One that is under way: a planned or added arrival, its lengths settled, in order of t_sched. */
uint32_t clients_add(struct run *r, const struct arrival *a, uint64_t order);
void clients_retire(struct run *r, uint32_t index); /* and its outcome is somebody else's */
/* Requests that have been answered without ever being clients; in order of t_done, then id. */
void clients_served(struct run *r, const struct rider *served, uint32_t n);

/* drive_express.c */
struct ride *ride_new(struct run *r);
void ride_free(struct ride *ride);
/* Between two instants: lets everybody board, if that is possible, and rides as far as it goes. */
enum status ride_try(struct ride *ride, struct error *err) LPC_MUST_USE;
bool ride_next(struct ride *ride, struct arrival *out); /* drawn ahead, and not sent */

#endif
