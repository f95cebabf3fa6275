/* The null target is a process of its own, as the emulator is in a wall run, so that both sides
 * compete for the machine in the same way. It reads until the request's blank line and body are
 * there (by content-length) and writes one ready-made event stream: one token, usage, [DONE]. It
 * uses poll() and not the ring: what is to be measured is the client. It ends when the pipe to its
 * parent closes, however the parent ends. */
#include "harness/cli/floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/histogram.h"
#include "harness/base/units.h"
#include "harness/load/load.h"
#include "harness/net/clock.h"
#include "harness/net/sock.h"

enum {
	FLOOR_RATE = 1000, /* requests a second */
	FLOOR_CONNECTIONS = 16,
	FLOOR_NICE = -20,
	NULL_PEERS_MAX = 64,
	NULL_REQUEST_MAX = 8192,
};
#define FLOOR_DURATION_NS (2 * NS_PER_S)
#define FLOOR_DRAIN_NS    (1 * NS_PER_S)
#define FLOOR_AHEAD_NS    (100 * NS_PER_MS)

/* --- the null target --------------------------------------------------------------------- */

struct peer {
	int fd;
	size_t n;
	char buf[NULL_REQUEST_MAX + 1];
};

#define CHUNK(fields)                                                                              \
	"data: {\"id\":\"n\",\"object\":\"chat.completion.chunk\",\"model\":\"null\"," fields      \
	"}\n\n"

static const char body[] = CHUNK(
        "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
        "\"finish_reason\":null}]")
        CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x \"},\"finish_reason\":null}]")
                CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]")
                        CHUNK("\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":"
                              "1,\"total_tokens\":2}") "data: [DONE]\n\n";

/* The length of the first whole request in buf, 0 while it is incomplete. */
static size_t request_length(const char *buf, size_t n)
{
	const char *end = strstr(buf, "\r\n\r\n");
	const char *length = strcasestr(buf, "content-length:");
	size_t whole;

	if (!end)
		return 0;
	whole = (size_t)(end - buf) + 4;
	if (length && length < end)
		whole += strtoul(length + strlen("content-length:"), NULL, 10);
	return whole <= n ? whole : 0;
}

/* False when the connection is to be closed. */
static bool serve_peer(struct peer *p, const char *answer, size_t answer_n)
{
	ssize_t got = recv(p->fd, p->buf + p->n, NULL_REQUEST_MAX - p->n, MSG_DONTWAIT);
	size_t whole;

	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	p->n += (size_t)got;
	p->buf[p->n] = '\0';
	while ((whole = request_length(p->buf, p->n)) > 0) {
		if (send(p->fd, answer, answer_n, MSG_NOSIGNAL) != (ssize_t)answer_n)
			return false;
		p->n -= whole;
		memmove(p->buf, p->buf + whole, p->n + 1);
	}
	return p->n < NULL_REQUEST_MAX;
}

static _Noreturn void null_target(int listener, int parent)
{
	static struct peer peers[NULL_PEERS_MAX];
	struct pollfd fds[NULL_PEERS_MAX + 2] = {
	        {.fd = parent}, {.fd = listener, .events = POLLIN}};
	nfds_t n = 2; /* fds[i] belongs to peers[i - 2] */
	char answer[sizeof(body) + 256];
	int answer_n = snprintf(answer, sizeof(answer),
	        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: "
	        "%zu\r\n\r\n%s",
	        sizeof(body) - 1, body);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (poll(fds, n, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents)
			_exit(0);
		for (nfds_t i = n; i-- > 2;) {
			if (!fds[i].revents || serve_peer(&peers[i - 2], answer, (size_t)answer_n))
				continue;
			close(fds[i].fd);
			n--;
			fds[i].fd = fds[n].fd;
			peers[i - 2] = peers[n - 2];
		}
		if (fds[1].revents && n < NULL_PEERS_MAX + 2) {
			int fd = accept(listener, NULL, NULL);

			if (fd < 0)
				continue;
			peers[n - 2].fd = fd;
			peers[n - 2].n = 0;
			fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
		}
	}
	_exit(1);
}

/* Starts the target; *hold is the end of the pipe whose closing ends it. */
static enum status start_target(struct sock_address *at, int *hold, pid_t *pid, struct error *err)
{
	struct sock_options options = {.nodelay = true};
	struct sock_address any;
	int listener, ends[2];

	if (sock_parse(&any, "127.0.0.1:0", err) ||
	        sock_listen(&listener, at, &any, NULL_PEERS_MAX, &options, err))
		return err->code;
	if (pipe(ends) < 0) {
		close(listener);
		return error_set(err, ERR_ENVIRONMENT, "no pipe: %s", strerror(errno));
	}
	*pid = fork();
	if (*pid == 0) {
		close(ends[1]);
		null_target(listener, ends[0]);
	}
	close(listener);
	close(ends[0]);
	*hold = ends[1];
	if (*pid < 0) {
		close(ends[1]);
		return error_set(err, ERR_ENVIRONMENT, "no process: %s", strerror(errno));
	}
	return ERR_NONE;
}

/* --- the load ---------------------------------------------------------------------------- */

struct schedule {
	uint64_t next;
	struct histogram ttft;
	struct floor_result *out;
};

static int64_t peek(void *ctx)
{
	const struct schedule *s = ctx;

	return (int64_t)s->next * NS_PER_S / FLOOR_RATE;
}

static void next(void *ctx, struct load_request *out)
{
	struct schedule *s = ctx;

	*out = (struct load_request){
	        .at_ns = peek(s), .prompt_tokens = 1, .output_tokens = 1, .max_tokens = 1};
	out->id = ++s->next;
}

static void sample(void *ctx, const struct load_sample *got)
{
	struct schedule *s = ctx;

	s->out->requests++;
	if (got->outcome != LOAD_OK)
		return;
	s->out->ok++;
	histogram_add(&s->ttft, got->t_first - got->t_sched);
}

/* Nothing here samples signals. */
static void tick(void *ctx, int64_t grid_ns, int64_t now_ns)
{
	(void)ctx;
	(void)grid_ns;
	(void)now_ns;
}

static void percentiles(const struct histogram *h, int64_t *p50, int64_t *p99, int64_t *max)
{
	*p50 = *p99 = *max = -1;
	if (h->count < histogram_floor(0.99))
		return;
	*max = h->max;
	if (!histogram_percentile(h, 0.50, p50) || !histogram_percentile(h, 0.99, p99))
		*p50 = *p99 = -1;
}

static enum status run_load(const struct sock_address *at, struct schedule *s, struct error *err)
{
	static const struct load_tenant tenant = {
	        .name = "floor", .tier = "floor", .timeout_ns = NS_PER_S};
	char host[SOCK_TEXT_MAX];
	struct load_config config = {
	        .peer = *at,
	        .host = sock_text(at, host),
	        .path_prefix = "",
	        .model = "null",
	        .tenants = &tenant,
	        .n_tenants = 1,
	        .duration_ns = FLOOR_DURATION_NS,
	        .drain_ns = FLOOR_DRAIN_NS,
	        .connections = FLOOR_CONNECTIONS,
	        .connections_max = NULL_PEERS_MAX,
	        .source = {.ctx = s, .peek = peek, .next = next},
	        .listener = {.ctx = s, .sample = sample, .tick = tick},
	};
	struct load_result result;
	struct load *load;

	if (load_open(&load, &config, err))
		return err->code;
	if (load_connect(load, err) == ERR_NONE &&
	        load_run(load, clock_now_ns() + FLOOR_AHEAD_NS, &result, err) == ERR_NONE) {
		percentiles(&result.send_lag, &s->out->send_lag_p50_ns, &s->out->send_lag_p99_ns,
		        &s->out->send_lag_max_ns);
		load_result_free(&result);
	}
	load_close(load);
	return err->code;
}

static enum status measure(struct floor_result *out, struct error *err)
{
	struct schedule s = {.out = out};
	struct sock_address at;
	int hold = -1;
	pid_t pid = -1;

	if (start_target(&at, &hold, &pid, err))
		return err->code;
	histogram_init(&s.ttft);
	if (run_load(&at, &s, err) == ERR_NONE)
		percentiles(&s.ttft, &out->ttft_p50_ns, &out->ttft_p99_ns, &out->ttft_max_ns);
	histogram_free(&s.ttft);
	close(hold);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	return err->code;
}

enum status floor_measure(struct floor_result *out, struct error *err)
{
	int before = getpriority(PRIO_PROCESS, 0);
	enum status rc;

	memset(out, 0, sizeof(*out));
	(void)setpriority(
	        PRIO_PROCESS, 0, FLOOR_NICE); /* as a wall run does, where it is allowed */
	rc = measure(out, err);
	(void)setpriority(PRIO_PROCESS, 0, before);
	return rc;
}
