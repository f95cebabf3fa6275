#include "tests/e2e/load/script_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "harness/base/token.h"

enum { REQUEST_MAX = 1 << 16, IDS_MAX = 1 << 16, ANSWER_AFTER = 3 };

static enum script script;
static _Atomic unsigned char attempts[IDS_MAX];
static _Atomic int64_t first_request_ns;

struct peer {
	int fd;
	uint64_t id;
	int64_t tokens;
	uint64_t prompt; /* digest */
	bool gone;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void nap_ms(int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* --- writing
 * ------------------------------------------------------------------------------------------ */

static void put(struct peer *p, const char *data, size_t n)
{
	size_t step = script == SCRIPT_DRIP ? 7 : n;

	while (n && !p->gone) {
		ssize_t sent = send(p->fd, data, n < step ? n : step, MSG_NOSIGNAL);

		if (sent <= 0) {
			p->gone = true;
			return;
		}
		data += sent;
		n -= (size_t)sent;
	}
}

__attribute__((format(printf, 2, 3))) static void say(struct peer *p, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put(p, text, (size_t)n);
}

static void event(struct peer *p, const char *data)
{
	if (script == SCRIPT_UNFRAMED)
		say(p, "data: %s\n\n", data);
	else
		say(p, "%zx\r\ndata: %s\n\n\r\n", strlen(data) + 8, data);
}

static void token(struct peer *p, int64_t index)
{
	char text[TOKEN_TEXT_MAX], data[256];
	size_t n = token_text(p->prompt, (uint64_t)index, text);

	snprintf(data, sizeof(data),
	        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%.*s\"},\"finish_reason\":"
	        "null}]}",
	        (int)n, text);
	event(p, data);
}

static void tokens(struct peer *p, int64_t upto)
{
	for (int64_t i = 0; i < upto; i++) {
		if (script == SCRIPT_MISSING_TOKEN && i == ANSWER_AFTER)
			continue;
		token(p, script == SCRIPT_WRONG_TOKEN && i == ANSWER_AFTER ? i + 1000 : i);
		if (script == SCRIPT_REPEATED_TOKEN && i == ANSWER_AFTER)
			token(p, i);
	}
}

static void stream_begin(struct peer *p)
{
	say(p, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n%s%s\r\n",
	        script == SCRIPT_UNFRAMED ? "" : "transfer-encoding: chunked\r\n",
	        script == SCRIPT_CLOSE ? "connection: close\r\n" : "");
	event(p, "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]"
	         "}");
	say(p, script == SCRIPT_UNFRAMED ? ": hello\n\n" : "9\r\n: hello\n\n\r\n");
}

static void stream_end(struct peer *p)
{
	char usage[256];

	event(p, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}");
	snprintf(usage, sizeof(usage),
	        "{\"choices\":[],\"usage\":{\"queue_time\":0.25,\"prompt_tokens\":1,\"prompt_"
	        "time\":0.002,"
	        "\"completion_tokens\":%lld,\"completion_time\":1e-3}}",
	        (long long)p->tokens);
	if (script != SCRIPT_NO_USAGE)
		event(p, usage);
	if (script != SCRIPT_NO_DONE)
		event(p, "[DONE]");
	if (script != SCRIPT_UNFRAMED)
		say(p, "0\r\n\r\n");
}

static void refuse(struct peer *p, const char *status, const char *fields, const char *code)
{
	char body[256];
	int n = snprintf(body, sizeof(body),
	        "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"code\":\"%s\"}"
	        "}",
	        code);

	say(p, "HTTP/1.1 %s\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s",
	        status, fields, n, body);
}

/* --- the scripts
 * -------------------------------------------------------------------------------------- */

static void leave(struct peer *p, bool reset)
{
	struct linger linger = {.l_onoff = 1};

	if (reset)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	p->gone = true;
}

static void answer_stream(struct peer *p)
{
	stream_begin(p);
	tokens(p, p->tokens);
	stream_end(p);
	p->gone |= script == SCRIPT_CLOSE || script == SCRIPT_UNFRAMED;
}

static void answer_partly(struct peer *p)
{
	stream_begin(p);
	tokens(p, ANSWER_AFTER);
	if (script == SCRIPT_GROQ_ERROR)
		event(p, "{\"x_groq\":{\"id\":\"r\",\"error\":\"over capacity\"}}");
	else if (script == SCRIPT_BAD_JSON)
		event(p, "{\"choices\":[{\"delta\":{\"content\":\" a\"}]}");
	else if (script == SCRIPT_STALL)
		pause();
	else
		leave(p, script == SCRIPT_RESET);
}

static void freeze(void)
{
	int64_t zero = 0, since;

	atomic_compare_exchange_strong(&first_request_ns, &zero, now_ns());
	since = (now_ns() - first_request_ns) / 1000000;
	if (since >= 100 && since < 200)
		nap_ms(200 - since);
}

static void answer(struct peer *p)
{
	switch (script) {
	case SCRIPT_429:
		refuse(p, "429 Too Many Requests", "", "rate_limit_exceeded");
		return;
	case SCRIPT_REFUSE_LATER:
		refuse(p, "429 Too Many Requests", "retry-after: 3600\r\n", "rate_limit_exceeded");
		return;
	case SCRIPT_400:
		refuse(p, "400 Bad Request", "", "invalid_value");
		return;
	case SCRIPT_400_CONTEXT:
		refuse(p, "400 Bad Request", "", "context_length_exceeded");
		return;
	case SCRIPT_500:
		refuse(p, "500 Internal Server Error", "", "oops");
		return;
	case SCRIPT_HTML:
		say(p, "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: "
		       "4\r\n\r\n<p/>");
		return;
	case SCRIPT_NO_HTTP:
		say(p, "SSH-2.0-OpenSSH_9.2\r\n");
		return;
	case SCRIPT_SILENT:
		pause();
		return;
	case SCRIPT_RESET_EARLY:
		leave(p, true);
		return;
	case SCRIPT_CUT:
	case SCRIPT_RESET:
	case SCRIPT_STALL:
	case SCRIPT_GROQ_ERROR:
	case SCRIPT_BAD_JSON:
		answer_partly(p);
		return;
	case SCRIPT_FLAKY:
		if (atomic_fetch_add(&attempts[p->id % IDS_MAX], 1) == 0)
			refuse(p, "503 Service Unavailable", "retry-after: 0\r\n", "busy");
		else
			answer_stream(p);
		return;
	case SCRIPT_SLOW_HEAD:
		nap_ms(200);
		answer_stream(p);
		return;
	case SCRIPT_FREEZE:
		freeze();
		answer_stream(p);
		return;
	default:
		answer_stream(p);
	}
}

/* --- requests
 * ----------------------------------------------------------------------------------------- */

/* One whole request into text, NUL-terminated; the client never pipelines. */
static char *read_request(struct peer *p, char *text)
{
	size_t n = 0;

	while (n < REQUEST_MAX - 1) {
		ssize_t got = recv(p->fd, text + n, REQUEST_MAX - 1 - n, 0);
		char *body, *length;

		if (got <= 0)
			return NULL;
		n += (size_t)got;
		text[n] = '\0';
		body = strstr(text, "\r\n\r\n");
		length = strstr(text, "content-length: ");
		if (body && length && strlen(body + 4) >= strtoul(length + 16, NULL, 10))
			return body + 4;
	}
	return NULL;
}

static void *serve_peer(void *arg)
{
	struct peer p = {.fd = (int)(intptr_t)arg};
	char *text = malloc(REQUEST_MAX), *body;

	while (!p.gone && (body = read_request(&p, text))) {
		char *prompt = strstr(body, "lpc:"), *end = prompt ? strchr(prompt, '"') : NULL;

		if (!end)
			break;
		p.id = strtoull(prompt + 4, &prompt, 10);
		p.tokens = strtoll(prompt + 1, NULL, 10);
		prompt = strstr(body, "lpc:");
		p.prompt = token_prompt_digest(TOKEN_DIGEST_START, prompt, (size_t)(end - prompt));
		answer(&p);
	}
	close(p.fd);
	free(text);
	return NULL;
}

static void serve(int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int one = 1, peer = accept(fd, NULL, NULL);
		pthread_t thread;

		if (peer < 0)
			continue;
		setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&thread, NULL, serve_peer, (void *)(intptr_t)peer))
			close(peer);
		else
			pthread_detach(thread);
	}
}

struct script_server script_server_start(enum script which)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct script_server s;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 512), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	s.port = ntohs(at.sin_port);
	script = which;
	s.pid = fork();
	ck_assert_int_ge(s.pid, 0);
	if (s.pid == 0)
		serve(fd);
	close(fd);
	return s;
}

void script_server_stop(struct script_server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}
