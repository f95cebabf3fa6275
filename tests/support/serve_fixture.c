#include "tests/support/serve_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/net/clock.h"
#include "tests/support/deployment_text.h"

const char serve_fixture_small[] =
        "{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\","
        "\"slots\":16,\"prefill_tokens_per_frame\":64}],\"instances\":1,\"entry\":\"phase\","
        "\"admission\":{\"policy\":\"none\"}}]}";

/* --- the child
 * ----------------------------------------------------------------------------------- */

struct stopper {
	struct serve *serve;
	int fd;
};

static void on_stop(void *ctx, uint32_t events)
{
	struct stopper *stop = ctx;
	char byte;

	(void)events;
	if (read(stop->fd, &byte, 1) == 0)
		serve_stop(stop->serve);
}

static int fail(const struct error *err)
{
	char line[1024];

	error_format(err, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
	return err->code;
}

int serve_fixture_run(const char *deployment_json, const char *listen,
        const struct serve_limits *limits, int stop_fd, int ready_fd)
{
	static const char *const tenants[] = {"default", "other"};
	static const char *const tiers[] = {"interactive", "batch"};
	struct stopper stop = {.fd = stop_fd};
	struct error err = ERROR_INIT;
	struct parsed p;
	enum status rc;
	uint16_t port;

	if (!parse_text(&p, "test", deployment_json))
		return fail(&p.err);
	struct serve_config config = {
	        .rack = {.deployment = &p.d,
	                .seed = 1,
	                .tenants = tenants,
	                .n_tenants = 2,
	                .tiers = tiers,
	                .n_tiers = 2},
	        .listen = listen,
	        .n_watches = 1,
	        .watches = {{.fd = stop_fd, .ctx = &stop, .readable = on_stop}},
	};

	if (limits)
		config.limits = *limits;
	fcntl(stop_fd, F_SETFL, O_NONBLOCK);
	if (serve_create(&stop.serve, &config, &err))
		return fail(&err);
	serve_set_t0(stop.serve, clock_now_ns());
	port = serve_port(stop.serve);
	CHECK(write(ready_fd, &port, sizeof(port)) == sizeof(port));
	rc = serve_run(stop.serve, &err);
	serve_free(stop.serve);
	parsed_free(&p);
	return rc ? fail(&err) : 0;
}

/* --- the parent
 * ---------------------------------------------------------------------------------- */

struct served served_start(const char *deployment_json, const struct serve_limits *limits)
{
	struct served s;
	int stop[2], ready[2];

	CHECK(pipe2(stop, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
	s.pid = fork();
	CHECK(s.pid >= 0);
	if (s.pid == 0) {
		close(stop[1]);
		close(ready[0]);
		exit(serve_fixture_run(deployment_json, "127.0.0.1:0", limits, stop[0], ready[1]));
	}
	close(stop[0]);
	close(ready[1]);
	s.stop_fd = stop[1];
	CHECK(read(ready[0], &s.port, sizeof(s.port)) == sizeof(s.port));
	close(ready[0]);
	return s;
}

int served_stop(struct served *s)
{
	int status;

	close(s->stop_fd);
	CHECK(waitpid(s->pid, &status, 0) == s->pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int served_connect_narrow(const struct served *s, int rcvbuf_bytes)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(s->port)};
	struct timeval patience = {.tv_sec = 5};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (rcvbuf_bytes)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf_bytes, sizeof(rcvbuf_bytes));
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

int served_connect(const struct served *s)
{
	return served_connect_narrow(s, 0);
}

static void send_bytes(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t part = send(fd, data, n, MSG_NOSIGNAL);

		if (part <= 0)
			return; /* the peer has had enough; the test looks at what it said */
		data += part;
		n -= (size_t)part;
	}
}

void served_send(int fd, const char *text)
{
	send_bytes(fd, text, strlen(text));
}

size_t served_read(int fd, char *buf, size_t n, const char *until)
{
	size_t have = 0;

	buf[0] = '\0';
	while (have < n - 1) {
		ssize_t part = recv(fd, buf + have, n - 1 - have, 0);

		if (part <= 0)
			break;
		have += (size_t)part;
		buf[have] = '\0';
		if (until && strstr(buf, until))
			break;
	}
	return have;
}

void served_post(int fd, const char *path, const char *body)
{
	char head[512];
	int n = snprintf(head, sizeof(head),
	        "POST %s HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n"
	        "content-length: %zu\r\n\r\n",
	        path, strlen(body));

	send_bytes(fd, head, (size_t)n);
	send_bytes(fd, body, strlen(body));
}

size_t served_get(const struct served *s, const char *path, char *buf, size_t n)
{
	char head[512];
	int fd = served_connect(s);
	size_t got;

	snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
	        path);
	served_send(fd, head);
	got = served_read(fd, buf, n, NULL);
	close(fd);
	return got;
}

double served_metric(const struct served *s, const char *name)
{
	static char page[64 << 10];
	char line[128];
	const char *at;

	served_get(s, "/metrics", page, sizeof(page));
	snprintf(line, sizeof(line), "\n%s{", name);
	at = strstr(page, line);
	CHECK(at);
	return strtod(strstr(at, "} ") + 2, NULL);
}
