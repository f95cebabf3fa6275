#include "harness/net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HOST_MAX = 256, PORT_DIGITS_MAX = 5 };

enum status sock_resolve(
        struct sock_address *out, const char *host, uint16_t port, struct error *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char service[PORT_DIGITS_MAX + 1];
	int rc;

	snprintf(service, sizeof(service), "%u", (unsigned)port);
	rc = getaddrinfo(host, service, &hints, &found);
	if (rc != 0)
		return error_set(err, ERR_ENVIRONMENT,
		        "expected a host that resolves, found '%s': %s", host, gai_strerror(rc));
	*out = (struct sock_address){.len = found->ai_addrlen};
	memcpy(&out->a, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return ERR_NONE;
}

static bool parse_port(const char *text, uint16_t *port)
{
	uint32_t v = 0;
	size_t n = strlen(text);

	if (n == 0 || n > PORT_DIGITS_MAX)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint32_t)(*text - '0');
	}
	*port = (uint16_t)v;
	return v <= UINT16_MAX;
}

enum status sock_parse(struct sock_address *out, const char *text, struct error *err)
{
	const char *colon = strrchr(text, ':');
	const char *from = text, *to = colon;
	char host[HOST_MAX];
	uint16_t port;

	if (!colon || !parse_port(colon + 1, &port))
		goto bad;
	if (*text == '[') {
		from++;
		to--;
		if (to <= from || *to != ']')
			goto bad;
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		goto bad; /* a bare IPv6 address: where its port begins is a guess */
	}
	if (from == to || (size_t)(to - from) >= sizeof(host))
		goto bad;
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = '\0';
	return sock_resolve(out, host, port, err);
bad:
	return error_set(err, ERR_USAGE,
	        "expected host:port, as in 127.0.0.1:8000 or [::1]:8000, "
	        "found '%s'",
	        text);
}

bool sock_is_loopback(const struct sock_address *a)
{
	if (a->a.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&a->a;

		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (a->a.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&a->a)->sin6_addr);
	return false;
}

uint16_t sock_port(const struct sock_address *a)
{
	if (a->a.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&a->a)->sin_port);
	if (a->a.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&a->a)->sin6_port);
	return 0;
}

const char *sock_text(const struct sock_address *a, char buf[static SOCK_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->a.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&a->a)->sin6_addr, host,
		        sizeof(host));
		snprintf(buf, SOCK_TEXT_MAX, "[%s]:%u", host, (unsigned)sock_port(a));
	} else {
		if (a->a.ss_family == AF_INET)
			inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->a)->sin_addr, host,
			        sizeof(host));
		snprintf(buf, SOCK_TEXT_MAX, "%s:%u", host, (unsigned)sock_port(a));
	}
	return buf;
}

static int set_int(int fd, int level, int name, int value)
{
	return value && setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int sock_new(const struct sock_address *peer, const struct sock_options *options)
{
	int fd = socket(peer->a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = set_int(fd, SOL_SOCKET, SO_SNDBUF, options->sndbuf_bytes);
	if (rc == 0)
		rc = set_int(fd, SOL_SOCKET, SO_RCVBUF, options->rcvbuf_bytes);
	if (rc == 0)
		rc = set_int(fd, IPPROTO_TCP, TCP_NODELAY, options->nodelay);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static const char *listen_cause(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "it is taken";
	case EADDRNOTAVAIL:
		return "no interface of this machine has the address";
	case EACCES:
		return "no permission for this port";
	default:
		return strerror(error);
	}
}

enum status sock_listen(int *fd, struct sock_address *bound, const struct sock_address *at,
        int backlog, const struct sock_options *options, struct error *err)
{
	char text[SOCK_TEXT_MAX];
	int s = sock_new(at, options);

	if (s < 0) {
		errno = -s;
		goto failed;
	}
	*bound = (struct sock_address){.len = sizeof(bound->a)};
	if (set_int(s, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
	        bind(s, (const struct sockaddr *)&at->a, at->len) < 0 || listen(s, backlog) < 0 ||
	        getsockname(s, (struct sockaddr *)&bound->a, &bound->len) < 0)
		goto failed;
	*fd = s;
	return ERR_NONE;
failed:
	(void)error_set(err, ERR_ENVIRONMENT, "cannot listen on %s: %s", sock_text(at, text),
	        listen_cause(errno));
	if (s >= 0)
		close(s);
	return err->code;
}

enum status sock_raise_fd_limit(uint32_t need, struct error *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_set(err, ERR_ENVIRONMENT, "getrlimit: %s", strerror(errno));
	if (limit.rlim_cur >= need)
		return ERR_NONE;
	if (limit.rlim_max < need)
		limit.rlim_max = need; /* only root may; the error below tells the others */
	limit.rlim_cur = need;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return ERR_NONE;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return error_set(err, ERR_ENVIRONMENT,
	        "expected %u file descriptors, found a hard limit of %llu (ulimit -Hn)", need,
	        (unsigned long long)limit.rlim_max);
}
