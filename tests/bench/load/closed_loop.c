/* GET in a closed loop over n connections: both ends saturated, which no open loop is, so that CPU
 * time per request can be compared with wrk's. The connections and the HTTP are
 * harness/load/client.[ch], the same code that carries the open loop.
 *
 *   closed_loop HOST:PORT PATH CONNECTIONS SECONDS  → "requests N, seconds S, cpu_us U" on stdout
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "harness/base/units.h"
#include "harness/load/client.h"
#include "harness/net/clock.h"
#include "harness/net/ring.h"

struct closed_loop {
	struct client *client;
	char request[1024];
	size_t request_len;
	uint64_t done, failed;
};

static void start_all(void *ctx)
{
	struct closed_loop *b = ctx;
	struct wire *w;

	while ((w = client_take(b->client))) {
		client_begin(w, 0);
		if (!wire_write(w, b->request, b->request_len))
			abort();
	}
}

static void on_refused(void *ctx, int error, int64_t t_ns)
{
	struct closed_loop *b = ctx;

	(void)error;
	(void)t_ns;
	b->failed++;
}

static void on_sent(void *ctx, struct wire *w, int64_t t_ns)
{
	(void)ctx;
	(void)w;
	(void)t_ns;
}

static void on_head(void *ctx, struct wire *w)
{
	struct closed_loop *b = ctx;

	b->failed += w->response.status != 200;
}

static void on_body(void *ctx, struct wire *w, const char *data, size_t n)
{
	(void)ctx;
	(void)w;
	(void)data;
	(void)n;
}

static void on_end(void *ctx, struct wire *w, enum client_end how, int error)
{
	struct closed_loop *b = ctx;

	(void)w;
	(void)error;
	b->done += how == CLIENT_DONE;
	b->failed += how != CLIENT_DONE;
}

static const struct client_handler handler = {
        .on_ready = start_all,
        .on_refused = on_refused,
        .on_sent = on_sent,
        .on_head = on_head,
        .on_body = on_body,
        .on_end = on_end,
};

static int64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_S +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * NS_PER_US;
}

static enum status run(struct closed_loop *b, struct ring *r, uint32_t connections, int64_t seconds,
        struct error *err)
{
	int64_t from_ns = clock_now_ns(), until_ns = from_ns + seconds * NS_PER_S;
	int64_t cpu = cpu_ns();
	enum status rc = ERR_NONE;

	do {
		client_want(b->client, connections - client_counts(b->client).live);
		rc = ring_turn(r, until_ns, err);
	} while (!rc && ring_now(r) < until_ns);
	cpu = cpu_ns() - cpu;
	printf("requests %" PRIu64 ", seconds %.3f, cpu_us %" PRId64 ", failed %" PRIu64
	       ", us/request %.3f\n",
	        b->done, (double)(clock_now_ns() - from_ns) / 1e9, cpu / NS_PER_US, b->failed,
	        b->done ? (double)cpu / 1e3 / (double)b->done : 0.0);
	return rc;
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct closed_loop b = {0};
	struct client_config config = {0};
	struct ring *r = NULL;
	enum status rc;

	if (argc != 5) {
		fprintf(stderr, "usage: %s HOST:PORT PATH CONNECTIONS SECONDS\n", argv[0]);
		return ERR_USAGE;
	}
	config.limit = (uint32_t)strtoul(argv[3], NULL, 10);
	b.request_len = http_write_request(
	        b.request, sizeof(b.request), "GET", argv[2], argv[1], NULL, 0, NULL);
	rc = sock_parse(&config.peer, argv[1], &err);
	if (!rc)
		rc = ring_open(&r,
		        &(struct ring_config){.in_flight_max = client_in_flight_max(config.limit)},
		        &err);
	if (!rc)
		rc = client_open(&b.client, r, &config, &handler, &b, &err);
	if (!rc)
		rc = run(&b, r, config.limit, strtoll(argv[4], NULL, 10), &err);
	if (rc)
		fprintf(stderr, "%s\n", err.text);
	client_close(b.client);
	ring_close(r);
	return (int)rc;
}
