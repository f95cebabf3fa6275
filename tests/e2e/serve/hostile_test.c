/* Clients that mean harm, or are broken, or have gone: each gets a clear error or is dropped, and
 * in every test a good client is served beside it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/net/clock.h"
#include "tests/support/ring_skip.h"
#include "tests/support/run_suite.h"
#include "tests/support/serve_fixture.h"

#define CHAT "/v1/chat/completions"
#define ASK(members, prompt)                                                                       \
	"{\"model\":\"llama-3.1-8b\"," members                                                     \
	"\"messages\":[{\"role\":\"user\",\"content\":\"" prompt "\"}]}"
#define MS INT64_C(1000000)

static struct served server;

static void start_with(const char *deployment, const struct serve_limits *limits)
{
	server = served_start(deployment, limits);
}

static void start(const struct serve_limits *limits)
{
	start_with(serve_fixture_small, limits);
}

/* Somebody else is still served, and the server ends cleanly. */
static void stop(void)
{
	char buf[8192];
	int fd = served_connect(&server);

	served_post(fd, CHAT, ASK("\"stream\":true,", "lpc:900:3 still there"));
	served_read(fd, buf, sizeof(buf), "[DONE]");
	ck_assert_msg(strstr(buf, "data: [DONE]") != NULL, "%s", buf);
	close(fd);
	ck_assert_int_eq(served_stop(&server), 0);
}

static void expect_answer(int fd, const char *status, const char *code)
{
	char buf[8192];

	served_read(fd, buf, sizeof(buf), "}}");
	ck_assert_msg(strncmp(buf, "HTTP/1.1 ", 9) == 0 && strncmp(buf + 9, status, 3) == 0,
	        "wanted %s, got: %s", status, buf);
	ck_assert_msg(strstr(buf, code) != NULL, "wanted %s, got: %s", code, buf);
}

static void expect_closed(int fd)
{
	char buf[4096];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	close(fd);
}

static void sleep_ms(int64_t ms)
{
	clock_sleep_until(clock_now_ns() + ms * MS);
}

/* Until the metric reaches the value, at most 5 s. */
static void await_metric(const char *name, double value)
{
	for (int i = 0; i < 100 && served_metric(&server, name) < value; i++)
		sleep_ms(50);
	ck_assert_double_ge(served_metric(&server, name), value);
}

START_TEST(malformed_http)
{
	static const char *const texts[] = {"hello\r\n\r\n", "GET\r\n\r\n",
	        "POST " CHAT " HTTP/1.1\r\ncontent-length: x\r\n\r\n",
	        "POST " CHAT " HTTP/1.1\r\nhost: t\r\ncontent-length: 3\r\n"
	        "transfer-encoding: chunked\r\n\r\n",
	        "POST " CHAT " HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
	        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"};

	start(NULL);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int fd = served_connect(&server);

		served_send(fd, texts[i]);
		expect_answer(fd, "400", "bad_request");
		close(fd);
	}
	stop();
}
END_TEST

START_TEST(malformed_json)
{
	static const char *const bodies[] = {"", "{", "[]", "{\"model\":\"llama-3.1-8b\"}",
	        "{\"model\":\"llama-3.1-8b\",\"messages\":[}", "\xff\xfe"};
	int fd;

	start(NULL);
	fd = served_connect(&server);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) { /* the connection stays good */
		served_post(fd, CHAT, bodies[i]);
		expect_answer(fd, "400", "invalid_request");
	}
	served_post(fd, CHAT, ASK("\"max_tokens\":2,", "fine"));
	expect_answer(fd, "200", "chat.completion");
	close(fd);
	stop();
}
END_TEST

START_TEST(unknown_things)
{
	int fd;

	start(NULL);
	fd = served_connect(&server);
	served_post(fd, CHAT, "{\"model\":\"other\",\"messages\":[{\"role\":\"user\"}]}");
	expect_answer(fd, "404", "model_not_found");
	served_post(fd, "/v1/nothing", "{}");
	expect_answer(fd, "404", "not_found");
	served_post(fd, "/health", "{}");
	expect_answer(fd, "405", "method_not_allowed");
	served_post(fd, CHAT, ASK("\"max_tokens\":0,", "x"));
	expect_answer(fd, "400", "max_tokens");
	served_post(fd, CHAT, ASK("\"max_tokens\":99999,", "x"));
	expect_answer(fd, "400", "context_length_exceeded");
	served_send(fd, "POST " CHAT " HTTP/1.1\r\nx-lpuchaos-tenant: nobody\r\n"
	                "content-length: 70\r\n\r\n"
	                "{\"model\":\"llama-3.1-8b\",\"messages\":[{\"role\":\"user\",\"content\":"
	                "\"x\"}]}    ");
	expect_answer(fd, "400", "x-lpuchaos-tenant");
	close(fd);
	stop();
}
END_TEST

/* The 413 arrives although we go on sending, and what we send is read. */
START_TEST(oversized)
{
	size_t n = 3 << 20;
	char *body = mem_alloc(n + 1, 1);
	int fd;

	memset(body, 'x', n);
	start(NULL);
	fd = served_connect(&server);
	served_post(fd, CHAT, body);
	expect_answer(fd, "413", "request_too_large");
	expect_closed(fd);
	fd = served_connect(&server); /* undeclared: chunked */
	served_send(fd, "POST " CHAT " HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n"
	                "300000\r\n");
	served_send(fd, body);
	expect_answer(fd, "413", "request_too_large");
	expect_closed(fd);
	mem_free(body);
	stop();
}
END_TEST

START_TEST(endless_body_is_cut)
{
	size_t n = 1 << 20;
	char *piece = mem_alloc(n, 1);
	int fd, i;

	start(NULL);
	fd = served_connect(&server);
	served_send(fd, "POST " CHAT " HTTP/1.1\r\nhost: t\r\ncontent-length: 999999999\r\n\r\n");
	for (i = 0; i < 64; i++)
		if (send(fd, piece, n, MSG_NOSIGNAL) < 0)
			break;
	ck_assert_int_lt(i, 64);
	close(fd);
	mem_free(piece);
	stop();
}
END_TEST

START_TEST(huge_head)
{
	int fd, i;

	start(NULL);
	fd = served_connect(&server);
	served_send(fd, "GET /health HTTP/1.1\r\n");
	for (i = 0; i < 3000; i++)
		served_send(fd, "x-filler: 0123456789\r\n");
	expect_answer(fd, "431", "bad_request");
	close(fd);
	stop();
}
END_TEST

/* A plain answer and two streams asked for at once come back whole and in order. */
START_TEST(pipelining)
{
	static char buf[64 << 10];
	char *one, *two, *three;
	int fd;

	start(NULL);
	fd = served_connect(&server);
	served_post(fd, CHAT, ASK("\"stream\":true,", "lpc:1:3 first"));
	served_post(fd, CHAT, ASK("", "lpc:2:2 second"));
	served_send(fd, "GET /health HTTP/1.1\r\nhost: t\r\n\r\n");
	served_post(fd, CHAT, ASK("\"stream\":true,", "lpc:3:3 third"));
	served_send(fd, "GET /v1/models HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
	served_read(fd, buf, sizeof(buf), NULL);
	one = strstr(buf, "chatcmpl-0000000000000001");
	two = strstr(buf, "chatcmpl-0000000000000002");
	three = strstr(buf, "chatcmpl-0000000000000003");
	ck_assert(one && two && three && one < two && two < three);
	ck_assert(strstr(two, "{\"status\":\"ok\"}") < three);
	ck_assert_ptr_nonnull(strstr(three, "\"object\":\"list\""));
	close(fd);
	stop();
}
END_TEST

/* Thousands of requests and no reading: the server stops taking them, and stays small. */
START_TEST(pipelining_without_reading)
{
	int fd;

	start(NULL);
	fd = served_connect_narrow(&server, 4096);
	for (int i = 0; i < 20000; i++)
		if (send(fd, "GET /metrics HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	stop();
	close(fd);
}
END_TEST

START_TEST(disconnect_in_mid_stream)
{
	static const struct linger reset = {.l_onoff = 1};

	start(NULL);
	for (int i = 0; i < 8; i++) {
		char buf[4096];
		int fd = served_connect(&server);

		served_post(fd, CHAT, ASK("\"stream\":true,\"max_tokens\":4000,", "long"));
		served_read(fd, buf, sizeof(buf), "content\":\" ");
		if (i & 1)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	await_metric("lpuchaos_cancelled_total", 8);
	ck_assert_double_eq(served_metric(&server, "vllm:num_requests_running"), 0);
	ck_assert_double_eq(served_metric(&server, "lpuchaos_open_streams"), 0);
	stop();
}
END_TEST

/* One slot: a request that waits for it and leaves frees its place in the queue. */
START_TEST(disconnect_in_the_queue)
{
	char buf[4096];
	int running, waiting;

	start_with("{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":4096,\"frame\":\"10ms\","
	           "\"slots\":1,\"prefill_tokens_per_frame\":64}],\"instances\":1,"
	           "\"entry\":\"immediate\",\"admission\":{\"policy\":\"none\"}}]}",
	        NULL);
	running = served_connect(&server);
	served_post(running, CHAT, ASK("\"stream\":true,\"max_tokens\":4000,", "long"));
	served_read(running, buf, sizeof(buf), "content\":\" ");
	waiting = served_connect(&server);
	served_post(waiting, CHAT, ASK("", "lpc:5:5 waits"));
	await_metric("vllm:num_requests_waiting", 1);
	shutdown(waiting, SHUT_WR); /* half-closed: it is told */
	expect_answer(waiting, "499", "client_closed_request");
	ck_assert_double_eq(served_metric(&server, "vllm:num_requests_waiting"), 0);
	close(waiting);
	close(running);
	await_metric("lpuchaos_cancelled_total", 2);
	stop();
}
END_TEST

/* Frames of 100 us: sixteen slots fill a socket that nobody reads within a second. */
START_TEST(slow_reader)
{
	char buf[4096];
	int slow, good;

	start_with("{\"pools\":[{\"name\":\"p\",\"buckets\":[{\"max_seq\":1000000,"
	           "\"frame\":\"200us\",\"slots\":16,\"prefill_tokens_per_frame\":64}],"
	           "\"instances\":1,\"entry\":\"phase\",\"admission\":{\"policy\":\"none\"}}]}",
	        NULL);
	slow = served_connect_narrow(&server, 4096);
	served_post(slow, CHAT, ASK("\"stream\":true,\"max_tokens\":900000,", "never read"));
	good = served_connect(&server);
	served_post(good, CHAT, ASK("\"stream\":true,", "lpc:2:500 read"));
	while (served_read(good, buf, sizeof(buf), "[DONE]") == sizeof(buf) - 1 &&
	        !strstr(buf, "[DONE]"))
		;
	ck_assert_ptr_nonnull(strstr(buf, "[DONE]"));
	await_metric("lpuchaos_slow_readers_total", 1);
	ck_assert_double_eq(served_metric(&server, "vllm:num_requests_running"), 0);
	expect_closed(slow);
	close(good);
	stop();
}
END_TEST

START_TEST(slowloris)
{
	static const struct serve_limits quick = {.head_timeout_ns = 300 * MS,
	        .body_timeout_ns = 300 * MS,
	        .idle_timeout_ns = 400 * MS};
	int head, body, idle;

	start(&quick);
	head = served_connect(&server);
	body = served_connect(&server);
	idle = served_connect(&server);
	served_send(head, "GET /health HTTP/1.1\r\nx-a:");
	served_send(body, "POST " CHAT " HTTP/1.1\r\ncontent-length: 100\r\n\r\n{\"mod");
	for (int i = 0; i < 10; i++) { /* a byte now and then does not help */
		sleep_ms(50);
		served_send(head, "x");
		served_send(body, "x");
	}
	expect_answer(head, "408", "request_timeout");
	expect_answer(body, "408", "request_timeout");
	expect_closed(head);
	expect_closed(body);
	expect_closed(idle);
	stop();
}
END_TEST

START_TEST(too_many_connections)
{
	static const struct serve_limits few = {.connections = 8};
	int fd[8], extra;

	start(&few);
	for (size_t i = 0; i < ARRAY_LEN(fd); i++)
		fd[i] = served_connect(&server);
	extra = served_connect(&server);
	expect_answer(extra, "503", "too_many_connections");
	close(extra);
	for (size_t i = 0; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
	sleep_ms(200);
	stop();
}
END_TEST

START_TEST(large_requests_share_a_limit)
{
	static const struct serve_limits small = {.bodies_bytes = 100 << 10};
	int hog, late;

	start(&small);
	hog = served_connect(&server);
	late = served_connect(&server);
	served_send(hog, "POST " CHAT " HTTP/1.1\r\ncontent-length: 90000\r\n\r\n{");
	sleep_ms(100);
	served_send(late, "POST " CHAT " HTTP/1.1\r\ncontent-length: 20000\r\n\r\n");
	for (int i = 0; i < 20; i++) {
		char piece[1001];

		memset(piece, ' ', 1000);
		piece[1000] = '\0';
		served_send(late, piece);
	}
	expect_answer(late, "503", "overloaded");
	close(hog);
	close(late);
	sleep_ms(100);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("serve_hostile");

	if (ring_is_refused())
		return EXIT_SKIPPED;
	signal(SIGPIPE, SIG_IGN);
	add_test(suite, "malformed_http", malformed_http);
	add_test(suite, "malformed_json", malformed_json);
	add_test(suite, "unknown_things", unknown_things);
	add_test(suite, "oversized", oversized);
	add_test(suite, "endless_body", endless_body_is_cut);
	add_test(suite, "huge_head", huge_head);
	add_test(suite, "pipelining", pipelining);
	add_test(suite, "pipelining_unread", pipelining_without_reading);
	add_test(suite, "disconnect_mid_stream", disconnect_in_mid_stream);
	add_test(suite, "disconnect_queue", disconnect_in_the_queue);
	add_test(suite, "slow_reader", slow_reader);
	add_test(suite, "slowloris", slowloris);
	add_test(suite, "too_many", too_many_connections);
	add_test(suite, "large_share", large_requests_share_a_limit);
	return run_suite(suite);
}
