/* Between the model, which may not wait, and a port, which may.
 *
 * Without `behind` there is nothing between them: a message is encoded and buffered, and the file's
 * bytes depend on the messages alone. With it messages go through a ring that one thread fills and
 * another empties; each has its own counter that only it moves (head by the model, tail by the
 * writer), so neither ever waits for the other. When there is no room the message is left out.
 *
 * A writer that has nothing to do flushes and sleeps on an eventfd. It says so first and looks
 * again then; whoever adds a message and finds it asleep wakes it. Both in sequentially consistent
 * order, so that one of the two sees the other. */
#include "emulator/mirror.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "emulator/mirror_port.h"
#include "harness/base/arena.h"

enum { RING = 1 << 16 }; /* messages; a power of two */

struct mirror {
	struct mirror_port *port;
	/* With `behind`. */
	bool behind;
	struct wire_message *ring;
	uint64_t dropped;                     /* there was no room: the model's own count */
	_Atomic uint64_t head, tail, flushed; /* told, taken out, written and flushed */
	_Atomic bool asleep, stop;
	int wake; /* eventfd */
	pthread_t writer;
};

/* --- the writer
 * ------------------------------------------------------------------------------------ */

static void wake(struct mirror *m)
{
	const uint64_t one = 1;

	while (write(m->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void sleep_until_woken(struct mirror *m)
{
	uint64_t n;

	while (read(m->wake, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

static void *writer(void *arg)
{
	struct mirror *m = arg;
	uint64_t at = 0;

	for (;;) {
		uint64_t head = atomic_load(&m->head);

		for (; at < head; at++) {
			mirror_port_write(m->port, &m->ring[at & (RING - 1)]);
			atomic_store_explicit(&m->tail, at + 1, memory_order_release);
		}
		if (at < atomic_load(&m->head))
			continue;
		mirror_port_flush(m->port);
		atomic_store(&m->flushed, at);
		atomic_store(&m->asleep, true);
		if (atomic_load(&m->head) == at && !atomic_load(&m->stop))
			sleep_until_woken(m);
		atomic_store(&m->asleep, false);
		if (atomic_load(&m->stop) && atomic_load(&m->head) == at)
			return NULL;
	}
}

/* Signals are for the thread that serves. */
static int start_writer(struct mirror *m)
{
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&m->writer, NULL, writer, m);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static enum status go_behind(struct mirror *m, struct error *err)
{
	int rc;

	m->wake = eventfd(0, EFD_CLOEXEC);
	if (m->wake < 0)
		return error_set(
		        err, ERR_ENVIRONMENT, "no eventfd for the mirror: %s", strerror(errno));
	m->ring = mem_alloc(RING, sizeof(*m->ring));
	rc = start_writer(m);
	if (rc)
		return error_set(
		        err, ERR_ENVIRONMENT, "no thread for the mirror: %s", strerror(rc));
	m->behind = true;
	return ERR_NONE;
}

static void end_writer(struct mirror *m)
{
	atomic_store(&m->stop, true);
	wake(m);
	(void)pthread_join(m->writer, NULL);
}

static void mirror_free(struct mirror *m)
{
	if (m->wake >= 0)
		(void)close(m->wake);
	mem_free(m->ring);
	mem_free(m);
}

/* --- the model's side
 * ------------------------------------------------------------------------------ */

enum status mirror_open(
        struct mirror **out, const struct mirror_options *options, struct error *err)
{
	struct mirror *m = mem_alloc(1, sizeof(*m));
	enum status st = mirror_port_open(&m->port, options, err);

	m->wake = -1;
	if (!st && options->behind)
		st = go_behind(m, err);
	if (st) {
		mirror_port_discard(m->port);
		mirror_free(m);
		return st;
	}
	*out = m;
	return ERR_NONE;
}

bool mirror_is_live(const struct mirror *m)
{
	return mirror_port_is_live(m->port);
}

void mirror_message(struct mirror *m, const struct wire_message *message)
{
	uint64_t head;

	if (!m->behind) {
		mirror_port_write(m->port, message);
		return;
	}
	head = atomic_load_explicit(&m->head, memory_order_relaxed);
	if (head - atomic_load_explicit(&m->tail, memory_order_acquire) == RING) {
		m->dropped++;
		return;
	}
	m->ring[head & (RING - 1)] = *message;
	atomic_store(&m->head, head + 1);
	if (LPC_UNLIKELY(atomic_load(&m->asleep)) && atomic_exchange(&m->asleep, false))
		wake(m);
}

void mirror_drain(struct mirror *m)
{
	if (!m->behind) {
		mirror_port_flush(m->port);
		return;
	}
	while (atomic_load(&m->flushed) != atomic_load_explicit(&m->head, memory_order_relaxed)) {
		wake(m);
		(void)sched_yield();
	}
}

struct mirror_counts mirror_counts(const struct mirror *m)
{
	struct mirror_counts counts = mirror_port_counts(m->port);

	counts.left_out += m->dropped;
	return counts;
}

enum status mirror_close(struct mirror *m, struct error *err)
{
	enum status st;

	if (!m)
		return ERR_NONE;
	if (m->behind)
		end_writer(m);
	st = mirror_port_close(m->port, err);
	mirror_free(m);
	return st;
}
