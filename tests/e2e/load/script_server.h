/* A server of blocking sockets and one thread a connection, in a child process, that answers every
 * completion request in one scripted way. It shares nothing with the program but the text of the
 * tokens. */
#ifndef LPC_TESTS_E2E_LOAD_SCRIPT_SERVER_H
#define LPC_TESTS_E2E_LOAD_SCRIPT_SERVER_H

#include <stdint.h>
#include <sys/types.h>

enum script {
	SCRIPT_OK,
	SCRIPT_DRIP,     /* as OK, a few bytes at a time */
	SCRIPT_CLOSE,    /* as OK, with connection: close */
	SCRIPT_UNFRAMED, /* as OK, not chunked: the end of the connection ends the answer */
	SCRIPT_NO_USAGE,
	SCRIPT_FLAKY, /* 503 with retry-after: 0 to a request's first attempt, then OK */
	SCRIPT_429,
	SCRIPT_400,
	SCRIPT_400_CONTEXT,
	SCRIPT_500,
	SCRIPT_REFUSE_LATER, /* 429 with retry-after: 3600 */
	SCRIPT_CUT,          /* EOF after three tokens */
	SCRIPT_RESET,        /* RST after three tokens */
	SCRIPT_RESET_EARLY,  /* RST before the head */
	SCRIPT_NO_DONE,      /* a complete answer without [DONE] */
	SCRIPT_GROQ_ERROR,   /* x_groq.error after three tokens */
	SCRIPT_STALL,        /* nothing more after three tokens */
	SCRIPT_SILENT,       /* no answer at all */
	SCRIPT_SLOW_HEAD,    /* as OK, 200 ms late */
	SCRIPT_WRONG_TOKEN,
	SCRIPT_MISSING_TOKEN,
	SCRIPT_REPEATED_TOKEN,
	SCRIPT_BAD_JSON,
	SCRIPT_HTML, /* 200, but no event stream */
	SCRIPT_NO_HTTP,
	SCRIPT_FREEZE, /* as OK; but between 100 and 200 ms after the first request nobody is
	                  answered */
};

struct script_server {
	pid_t pid;
	uint16_t port;
};

/* Fail the test when they cannot. */
struct script_server script_server_start(enum script script);
void script_server_stop(struct script_server *s);

#endif
