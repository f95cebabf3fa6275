/* Assertions that are on in every build (STYLE: a programmer error is an assertion). The expression
 * must have no side effect. A failure prints file, line and expression on stderr and aborts.
 *
 * This is the one place where [pure] code touches the system: write(2) to fd 2, then abort(). The
 * purity lint allows those two symbols in check.c and nowhere else. */
#ifndef LPC_BASE_CHECK_H
#define LPC_BASE_CHECK_H

#define LPC_LIKELY(x)    __builtin_expect(!!(x), 1)
#define LPC_UNLIKELY(x)  __builtin_expect(!!(x), 0)
#define LPC_MUST_USE     __attribute__((warn_unused_result))
#define LPC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a)     (sizeof(a) / sizeof((a)[0]))

#define CHECK(expr)                                                                                \
	do {                                                                                       \
		if (LPC_UNLIKELY(!(expr)))                                                         \
			check_failed(__FILE__, __LINE__, #expr);                                   \
	} while (0)

#define UNREACHABLE(why) check_failed(__FILE__, __LINE__, "unreachable: " why)

/* What this thread is at, for whoever finds the broken program: called once, between the message
 * and the end, by a failed CHECK of this thread. It may allocate and write files; should a CHECK
 * fail in it, that is the end. NULL = nobody has anything to say. */
struct check_witness {
	void (*testify)(void *ctx);
	void *ctx;
};
void check_watch(const struct check_witness *w); /* borrowed until the next call */

_Noreturn void check_failed(const char *file, int line, const char *expr)
        __attribute__((cold, noinline));

#endif
