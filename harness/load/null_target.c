#include "harness/load/null_target.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/units.h"
#include "harness/net/conn.h"
#include "harness/net/http.h"
#include "harness/net/privilege.h"
#include "harness/net/ring.h"

enum { ANSWER_MAX = 4096, CONNECTIONS_MAX = 1024 };

static const struct http_limits limits = {
        .head_bytes = 16384, .headers = 64, .body_bytes = 16 << 20};

static void ignore_head(struct http_request *m)
{
	(void)m;
}

static void ignore_body(struct http_request *m, const char *data, size_t n)
{
	(void)m;
	(void)data;
	(void)n;
}

static const struct http_request_handler ignore_request = {
        .on_head = ignore_head, .on_body = ignore_body};

/* All of it is the child's. */
struct server {
	struct ring *ring;
	struct conn_group *group;
	struct listener *listener;
	char answer[ANSWER_MAX];
	size_t answer_len;
	bool orphaned;
};

static void answer_event(struct server *s, const char *data)
{
	char *chunk = s->answer + s->answer_len;
	size_t n = strlen(data);

	CHECK(s->answer_len + HTTP_CHUNK_PREFIX + 6 + n + 2 + HTTP_CHUNK_SUFFIX <= ANSWER_MAX);
	memcpy(chunk + HTTP_CHUNK_PREFIX, "data: ", 6);
	memcpy(chunk + HTTP_CHUNK_PREFIX + 6, data, n);
	memcpy(chunk + HTTP_CHUNK_PREFIX + 6 + n, "\n\n", 2);
	s->answer_len += http_chunk_frame(chunk, 6 + n + 2);
}

static void answer_make(struct server *s)
{
	const struct http_head head = {.status = 200,
	        .content_type = "text/event-stream",
	        .content_length = -1,
	        .keep_alive = true};

	s->answer_len = http_write_head(s->answer, ANSWER_MAX, &head);
	answer_event(s, "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
	                "\"\"}}]}");
	for (int i = 0; i < NULL_TARGET_TOKENS; i++)
		answer_event(s, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\" null\"}}]}");
	answer_event(s, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}");
	answer_event(s,
	        "{\"choices\":[],\"usage\":{\"queue_time\":0,\"prompt_tokens\":1,\"prompt_time\":0,"
	        "\"completion_tokens\":8,\"completion_time\":0,\"total_tokens\":9}}");
	answer_event(s, "[DONE]");
	memcpy(s->answer + s->answer_len, HTTP_CHUNK_END, strlen(HTTP_CHUNK_END));
	s->answer_len += strlen(HTTP_CHUNK_END);
}

static void on_open(struct conn *c, int64_t t_ns)
{
	(void)t_ns;
	http_request_init(conn_user(c), &limits, &ignore_request, c);
}

static size_t on_data(struct conn *c, const char *data, size_t n, int64_t t_ns)
{
	struct server *s = conn_group_ctx(conn_group_of(c));
	struct http_request *m = conn_user(c);
	size_t left = n, used;

	(void)t_ns;
	while (left) {
		enum http_step step = http_request_feed(m, data + n - left, left, &used);

		left -= used;
		if (step == HTTP_STEP_MORE)
			break;
		if (step == HTTP_STEP_FAILED || !conn_write(c, s->answer, s->answer_len)) {
			conn_close(c);
			break;
		}
		http_request_next(m);
	}
	return n;
}

static void on_sent(struct conn *c, uint32_t writes, int64_t t_ns)
{
	(void)c;
	(void)writes;
	(void)t_ns;
}

static void on_eof(struct conn *c, int64_t t_ns)
{
	(void)t_ns;
	conn_close(c);
}

static void on_error(struct conn *c, int error, int64_t t_ns)
{
	(void)c;
	(void)error;
	(void)t_ns;
}

static void on_closed(struct conn *c, int64_t t_ns)
{
	(void)c;
	(void)t_ns;
}

static const struct conn_handler server_handler = {
        .on_open = on_open,
        .on_data = on_data,
        .on_sent = on_sent,
        .on_eof = on_eof,
        .on_error = on_error,
        .on_closed = on_closed,
};

static void on_parent_gone(void *owner, const struct ring_event *e)
{
	struct server *s = owner;

	(void)e;
	s->orphaned = true;
}

static enum status serve(struct server *s, int listen_fd, int alive_fd, struct error *err)
{
	const struct conn_config group = {
	        .limit = CONNECTIONS_MAX,
	        .user_bytes = sizeof(struct http_request),
	        .recv_buffers = 1024,
	        .recv_buffer_bytes = 4096,
	        .chunk_bytes = ANSWER_MAX,
	        .chunk_limit = 4 * CONNECTIONS_MAX,
	        .queue_bytes = 2 * ANSWER_MAX,
	        .queue_writes = 4,
	        .socket = {.nodelay = true},
	};
	const struct ring_config ring = {.in_flight_max = 3 * CONNECTIONS_MAX + group.recv_buffers};
	enum status rc = ring_open(&s->ring, &ring, err);
	uint32_t op;

	if (!rc)
		rc = conn_group_open(&s->group, s->ring, &group, &server_handler, s, err);
	if (!rc)
		rc = listener_open(&s->listener, s->group, listen_fd, err);
	if (rc)
		return rc;
	answer_make(s);
	op = ring_add_ops(s->ring, 1, on_parent_gone, s);
	ring_prep_poll(s->ring, ring_tag(op, 0, 0), alive_fd, POLLIN);
	while (!rc && !s->orphaned)
		rc = ring_turn(s->ring, NS_NEVER, err);
	return rc;
}

static _Noreturn void child(int listen_fd, int alive_fd)
{
	static struct server server;
	struct error err = ERROR_INIT;

	privilege_ask(1);
	_exit((int)serve(&server, listen_fd, alive_fd, &err)); /* the kernel frees the rest */
}

enum status null_target_start(struct null_target *t, struct error *err)
{
	static const struct sock_options options = {.nodelay = true};
	struct sock_address any;
	int listen_fd, pair[2];
	enum status rc = sock_parse(&any, "127.0.0.1:0", err);

	if (!rc)
		rc = sock_listen(&listen_fd, &t->address, &any, CONNECTIONS_MAX, &options, err);
	if (rc)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		close(listen_fd);
		return error_set(err, ERR_ENVIRONMENT, "socketpair: %s", strerror(errno));
	}
	t->pid = fork();
	if (t->pid == 0) {
		close(pair[0]);
		child(listen_fd, pair[1]);
	}
	close(listen_fd);
	close(pair[1]);
	t->alive_fd = pair[0];
	if (t->pid < 0) {
		close(pair[0]);
		return error_set(err, ERR_ENVIRONMENT, "fork: %s", strerror(errno));
	}
	return ERR_NONE;
}

void null_target_stop(struct null_target *t)
{
	close(t->alive_fd);
	while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
