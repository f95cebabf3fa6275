/* Addresses and sockets: the few system calls that a connection's birth needs. All sockets are
 * close-on-exec; none is non-blocking (the ring never blocks on them). */
#ifndef LPC_NET_SOCK_H
#define LPC_NET_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "harness/base/error.h"

enum { SOCK_TEXT_MAX = 80 };

struct sock_address {
	struct sockaddr_storage a;
	socklen_t len;
};

struct sock_options {
	int sndbuf_bytes,
	        rcvbuf_bytes; /* as setsockopt takes them (the kernel doubles); 0 = default */
	bool nodelay;
};

/* "127.0.0.1:8000", "[::1]:8000", "localhost:8000": the first address the name resolves to. Port 0
 * lets the kernel choose. ERR_USAGE with what was wrong; a name that does not resolve is
 * ERR_ENVIRONMENT. */
enum status sock_parse(struct sock_address *out, const char *text, struct error *err) LPC_MUST_USE;
enum status sock_resolve(
        struct sock_address *out, const char *host, uint16_t port, struct error *err) LPC_MUST_USE;
bool sock_is_loopback(const struct sock_address *a);
uint16_t sock_port(const struct sock_address *a);
const char *sock_text(const struct sock_address *a, char buf[static SOCK_TEXT_MAX]);

/* A listening TCP socket with SO_REUSEADDR; *bound gets the address with its real port. The options
 * are inherited by accepted sockets. ERR_ENVIRONMENT names the address ("127.0.0.1:8000 is taken").
 */
enum status sock_listen(int *fd, struct sock_address *bound, const struct sock_address *at,
        int backlog, const struct sock_options *options, struct error *err) LPC_MUST_USE;

/* A fresh TCP socket of the address's family with the options set, not yet connected; -errno. */
int sock_new(const struct sock_address *peer, const struct sock_options *options);

/* Raises RLIMIT_NOFILE to at least `need` descriptors, before anything is armed (S9).
 * ERR_ENVIRONMENT says the hard limit when that is lower. */
enum status sock_raise_fd_limit(uint32_t need, struct error *err) LPC_MUST_USE;

#endif
