/* Verified token events a second from the emulator to the generator, on one processor each.
 *
 *   streams [STREAMS [TOKENS_PER_S [SECONDS]]]     1000 streams, 150000 tokens/s, 3 s
 *
 * One instance with a slot for each stream, `phase` entry; each stream gets STREAMS / TOKENS_PER_S
 * after its last token the next. Streams begin within the first second, so all are open for
 * SECONDS. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "harness/base/units.h"
#include "harness/load/load.h"
#include "harness/net/clock.h"
#include "harness/net/privilege.h"
#include "tests/support/serve_fixture.h"

struct bench {
	uint64_t streams, next;
	int64_t frame_ns, tokens, rate; /* tokens: of each stream */
	uint64_t events, outcomes[LOAD_OUTCOMES];
	struct histogram drift; /* |gap - frame| */
	double sustained;       /* events/s, the sum over the streams of each one's own */
};

static int64_t peek(void *ctx)
{
	const struct bench *b = ctx;

	return b->next < b->streams ? (int64_t)(b->next * NS_PER_S / b->streams) : NS_NEVER;
}

static void next(void *ctx, struct load_request *out)
{
	struct bench *b = ctx;

	*out = (struct load_request){
	        .id = b->next + 1,
	        .at_ns = peek(b),
	        .prompt_tokens = 16,
	        .output_tokens = b->tokens,
	        .max_tokens = b->tokens,
	};
	b->next++;
}

static void sample(void *ctx, const struct load_sample *s)
{
	struct bench *b = ctx;

	b->outcomes[s->outcome]++;
	b->events += (uint64_t)s->events;
	if (s->t_last > s->t_first)
		b->sustained += s->n_gaps * 1e9 / (double)(s->t_last - s->t_first);
	for (uint32_t i = 0; i < s->n_gaps; i++)
		histogram_add(&b->drift, llabs(s->gaps_ns[i] - b->frame_ns));
}

static void tick(void *ctx, int64_t grid_ns, int64_t now_ns)
{
	(void)ctx;
	(void)grid_ns;
	(void)now_ns;
}

static double at_us(const struct histogram *h, double q)
{
	int64_t ns = 0;

	return histogram_percentile(h, q, &ns) ? (double)ns / 1e3 : -1;
}

static void report(const struct bench *b, const struct load_result *r)
{
	struct rusage u;
	double cpu_us;

	getrusage(RUSAGE_SELF, &u);
	cpu_us = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	printf("streams %" PRIu64, b->streams);
	for (int i = 0; i < LOAD_OUTCOMES; i++)
		if (b->outcomes[i])
			printf(", %s %" PRIu64, load_outcome_name((enum load_outcome)i),
			        b->outcomes[i]);
	printf("\n");
	printf("verified events %" PRIu64 ", %.0f/s of %" PRId64
	       "/s asked, client cpu %.2f us/event\n",
	        b->events, b->sustained, b->rate, cpu_us / (double)b->events);
	printf("|gap - frame| us p50 %.1f p99 %.1f max %.1f, send lag us p99 %.1f, starved %" PRIu64
	       ", peak memory %ld KiB\n",
	        at_us(&b->drift, 0.5), at_us(&b->drift, 0.99), at_us(&b->drift, 1),
	        at_us(&r->send_lag, 0.99), r->starved, u.ru_maxrss);
}

static enum status run(struct bench *b, uint16_t port, int64_t seconds, struct error *err)
{
	static const struct load_tenant tenant = {
	        .name = "default", .tier = "interactive", .timeout_ns = 600 * NS_PER_S};
	struct load_config config = {
	        .host = "127.0.0.1",
	        .path_prefix = "",
	        .model = "llama-3.1-8b",
	        .identify = true,
	        .verify = true,
	        .tenants = &tenant,
	        .n_tenants = 1,
	        .duration_ns = (seconds + 1) * NS_PER_S,
	        .drain_ns = 30 * NS_PER_S,
	        .connections = (uint32_t)b->streams,
	        .connections_max = (uint32_t)b->streams + 64,
	        .source = {.ctx = b, .peek = peek, .next = next},
	        .listener = {.ctx = b, .sample = sample, .tick = tick},
	};
	struct load_result result;
	struct load *l = NULL;
	enum status rc = sock_resolve(&config.peer, "127.0.0.1", port, err);

	if (!rc)
		rc = load_open(&l, &config, err);
	if (!rc)
		rc = load_connect(l, err);
	if (!rc) {
		rc = load_run(l, clock_now_ns() + 20 * NS_PER_MS, &result, err);
		report(b, &result);
		load_result_free(&result);
	}
	load_close(l);
	return rc;
}

int main(int argc, char **argv)
{
	struct bench b = {.streams = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000,
	        .rate = argc > 2 ? strtoll(argv[2], NULL, 10) : 150000};
	int64_t seconds = argc > 3 ? strtoll(argv[3], NULL, 10) : 3;
	char deployment[512], text[PRIVILEGE_TEXT_MAX];
	struct error err = ERROR_INIT;
	struct privilege before, got;
	struct served server;
	enum status rc;

	if (!b.streams || b.rate < 1 || seconds < 1)
		return ERR_USAGE;
	b.frame_ns = (int64_t)b.streams * NS_PER_S / b.rate;
	b.tokens = (seconds + 1) * NS_PER_S / b.frame_ns;
	snprintf(deployment, sizeof(deployment),
	        "{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":1000000,\"frame\":\"%" PRId64
	        "ns\",\"slots\":%" PRIu64 ",\"prefill_tokens_per_frame\":64}],\"instances\":1,"
	        "\"entry\":\"phase\",\"admission\":{\"policy\":\"none\"}}]}",
	        b.frame_ns, b.streams);
	before = privilege_ask(1); /* the server inherits it */
	server = served_start(deployment, NULL);
	got = privilege_ask(0);
	printf("%s\n", privilege_text(&got, text));
	histogram_init(&b.drift);
	rc = run(&b, server.port, seconds, &err);
	histogram_free(&b.drift);
	if (rc)
		fprintf(stderr, "%s\n", err.text);
	served_stop(&server);
	privilege_give_back(&before);
	return (int)rc;
}
