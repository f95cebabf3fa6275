/* Many streams at once: how late tokens leave, how many a second go through, what memory it takes.
 *
 *     bench_serve_streams [streams 1000] [tokens/s 50000] [seconds 5] [entry phase|frame|immediate]
 *
 * Starts the server on one core and reads with one epoll loop on the other. The rack's one instance
 * has a slot for each stream and the frame that makes the rate. Every token is compared with what
 * it must be. Prints one line of figures a row. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/token.h"
#include "harness/net/clock.h"
#include "tests/support/serve_fixture.h"

/* A burst of connects would be measured as lateness of the tokens beside it. */
#define OPEN_EVERY_NS INT64_C(500000)

enum { CARRY_MAX = 2048, READ_BYTES = 32 << 10, EPOLL_BATCH = 256 };

struct reader {
	int fd;
	uint32_t carried;
	uint64_t digest, next, wrong;
	bool done;
	char carry[CARRY_MAX];
};

struct bench {
	uint32_t streams;
	int64_t rate, tokens;
	const char *entry;
	struct reader *readers;
	struct served server;
	int epoll;
	uint32_t open;
	uint64_t events;
};

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		perror("sched_setaffinity");
}

static void start_server(struct bench *b)
{
	char text[1024];

	snprintf(text, sizeof(text),
	        "{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":1000000,\"frame\":\"%"
	        "lldns\","
	        "\"slots\":%u,\"prefill_tokens_per_frame\":64}],\"instances\":1,\"entry\":\"%s\","
	        "\"admission\":{\"policy\":\"none\"}}]}",
	        (long long)(INT64_C(1000000000) * b->streams / b->rate), b->streams, b->entry);
	pin(0);
	b->server = served_start(text, NULL);
	pin(1);
}

static void open_reader(struct bench *b, uint32_t i)
{
	struct reader *r = &b->readers[i];
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
	char prompt[64], body[512];

	snprintf(prompt, sizeof(prompt), "lpc:%u:%lld stream %u", i + 1, (long long)b->tokens, i);
	snprintf(body, sizeof(body),
	        "{\"model\":\"llama-3.1-8b\",\"stream\":true,\"max_tokens\":%lld,"
	        "\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
	        (long long)b->tokens, prompt);
	r->digest = token_prompt_digest(TOKEN_DIGEST_START, prompt, strlen(prompt));
	r->fd = served_connect(&b->server);
	fcntl(r->fd, F_SETFL, O_NONBLOCK);
	CHECK(epoll_ctl(b->epoll, EPOLL_CTL_ADD, r->fd, &e) == 0);
	served_post(r->fd, "/v1/chat/completions", body);
	b->open++;
}

static void take_line(struct bench *b, struct reader *r, const char *line, size_t n)
{
	static const char mark[] = "\"delta\":{\"content\":\"", end[] = "data: [DONE]";
	const char *at = n > 64 ? memmem(line, n, mark, sizeof(mark) - 1) : NULL;
	char want[TOKEN_TEXT_MAX];

	if (at) {
		token_text(r->digest, r->next++, want);
		r->wrong += memcmp(at + sizeof(mark) - 1, want, TOKEN_TEXT_BYTES) != 0;
		b->events++;
	} else if (n >= sizeof(end) - 1 && memcmp(line, end, sizeof(end) - 1) == 0) {
		r->done = true;
	}
}

/* Lines of buf; what follows the last one is carried over. */
static void take_bytes(struct bench *b, struct reader *r, char *buf, size_t n)
{
	char *line = buf, *stop = buf + n, *lf;

	while ((lf = memchr(line, '\n', (size_t)(stop - line)))) {
		take_line(b, r, line, (size_t)(lf - line));
		line = lf + 1;
	}
	r->carried = (uint32_t)(stop - line);
	CHECK(r->carried <= CARRY_MAX);
	memcpy(r->carry, line, r->carried);
}

static void on_readable(struct bench *b, struct reader *r)
{
	static char buf[CARRY_MAX + READ_BYTES];
	ssize_t n;

	memcpy(buf, r->carry, r->carried);
	n = recv(r->fd, buf + r->carried, READ_BYTES, 0);
	if (n > 0)
		take_bytes(b, r, buf, r->carried + (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		CHECK(!"the server closed a stream");
	if (!r->done)
		return;
	close(r->fd);
	b->open--;
}

static void read_batch(struct bench *b, int timeout_ms)
{
	struct epoll_event e[EPOLL_BATCH];
	int n = epoll_wait(b->epoll, e, EPOLL_BATCH, timeout_ms);

	for (int i = 0; i < n; i++)
		on_readable(b, &b->readers[e[i].data.u32]);
}

static long peak_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

static void print_lag(const struct served *s)
{
	static char page[64 << 10];
	const char *at;

	served_get(s, "/metrics", page, sizeof(page));
	printf("emission lag ms:");
	for (at = page; (at = strstr(at, "quantile=\"")); at++)
		printf("  q%.4s %.3f", at + strlen("quantile=\""),
		        strtod(strchr(at, '}') + 1, NULL) * 1e3);
	printf("\n");
}

static int report(struct bench *b, int64_t began, int64_t ended)
{
	struct rusage self;
	uint64_t wrong = 0, missing = 0;

	for (uint32_t i = 0; i < b->streams; i++) {
		wrong += b->readers[i].wrong;
		missing += b->readers[i].next != (uint64_t)b->tokens;
	}
	getrusage(RUSAGE_SELF, &self);
	printf("streams %u  asked %lld/s  read %.0f events/s in %.2f s  wrong %llu  incomplete "
	       "%llu\n",
	        b->streams, (long long)b->rate, (double)b->events * 1e9 / (double)(ended - began),
	        (double)(ended - began) / 1e9, (unsigned long long)wrong,
	        (unsigned long long)missing);
	print_lag(&b->server);
	printf("slow readers dropped %.0f  peak memory: server %ld KiB, client %ld KiB\n",
	        served_metric(&b->server, "lpuchaos_slow_readers_total"), peak_kib(b->server.pid),
	        self.ru_maxrss);
	return wrong || missing;
}

static double cpu_us(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* Processor time does not depend on who else is on the machine. */
static void report_cpu(const struct bench *b)
{
	printf("processor time an event: server %.2f us, client %.2f us\n",
	        cpu_us(RUSAGE_CHILDREN) / (double)b->events,
	        cpu_us(RUSAGE_SELF) / (double)b->events);
}

int main(int argc, char **argv)
{
	struct bench b = {.streams = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000,
	        .rate = argc > 2 ? strtoll(argv[2], NULL, 10) : 50000,
	        .entry = argc > 4 ? argv[4] : "phase"};
	int64_t seconds = argc > 3 ? strtoll(argv[3], NULL, 10) : 5, began;
	struct rlimit fds;
	int rc;

	b.tokens = seconds * b.rate / b.streams;
	getrlimit(RLIMIT_NOFILE, &fds);
	fds.rlim_cur = fds.rlim_max;
	setrlimit(RLIMIT_NOFILE, &fds);
	b.readers = mem_alloc(b.streams, sizeof(*b.readers));
	start_server(&b);
	b.epoll = epoll_create1(EPOLL_CLOEXEC);
	began = clock_now_ns();
	for (uint32_t i = 0; i < b.streams; i++) {
		open_reader(&b, i);
		do
			read_batch(&b, 0);
		while (clock_now_ns() < began + i * OPEN_EVERY_NS);
	}
	while (b.open)
		read_batch(&b, 1000);
	rc = report(&b, began, clock_now_ns());
	rc |= served_stop(&b.server);
	report_cpu(&b);
	close(b.epoll);
	mem_free(b.readers);
	return rc;
}
