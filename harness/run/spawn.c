#include "harness/run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/net/clock.h"
#include "harness/run/control.h"
#include "harness/run/emulator_process.h"

/* The processors this process was given before it pinned itself: the child starts with all of them.
 */
static void own_processors(cpu_set_t *set)
{
	static cpu_set_t first;
	static bool known;

	if (!known)
		known = !sched_getaffinity(0, sizeof(first), &first);
	*set = first;
}

static _Noreturn void become_emulator(int fd, const cpu_set_t *processors)
{
	char number[16];
	char program[] = "lpuchaos", argument[] = EMULATOR_ARGUMENT;
	char *argv[] = {program, argument, number, NULL};
	sigset_t none;

	(void)snprintf(number, sizeof(number), "%d", fd);
	(void)sched_setaffinity(0, sizeof(*processors), processors);
	/* What is ignored stays so across exec: a Ctrl-C in the first moments must not end the
	 * child either. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)fcntl(fd, F_SETFD, 0);
	(void)execv("/proc/self/exe", argv);
	_exit(127);
}

static enum status wait_ready(struct spawned *p, struct error *err)
{
	struct control_message m;
	int64_t deadline = clock_now_ns() + 30 * NS_PER_S;

	while (control_receive(p->fd, &m, deadline) == CONTROL_GOT) {
		if (m.type == CONTROL_ERROR)
			return error_set(
			        err, m.error.code, "the emulator did not start: %s", m.error.text);
		if (m.type != CONTROL_READY)
			continue;
		p->port = m.ready.port;
		p->nice = m.ready.nice;
		p->processor = m.ready.cpu;
		return ERR_NONE;
	}
	return error_set(err, ERR_ENVIRONMENT, "the emulator's process ended before it was ready");
}

static bool send_mirror(int fd, const struct control_mirror *mirror)
{
	struct control_message m = {.type = CONTROL_MIRROR};

	if (!mirror)
		return true;
	m.mirror = *mirror;
	return control_send(fd, &m);
}

enum status spawn_emulator(const struct scenario *s, const struct control_mirror *mirror,
        struct spawned *out, struct error *err)
{
	cpu_set_t processors;
	char *bundle;
	int fds[2];
	size_t n;
	bool sent;
	enum status st = control_pair(fds, err);

	*out = (struct spawned){.fd = -1};
	if (st)
		return st;
	own_processors(&processors);
	out->pid = fork();
	if (out->pid == 0)
		become_emulator(fds[1], &processors);
	(void)close(fds[1]);
	out->fd = fds[0];
	if (out->pid < 0) {
		out->pid = 0;
		return error_set(err, ERR_ENVIRONMENT, "cannot start the emulator's process: %s",
		        strerror(errno));
	}
	bundle = scenario_bundle(s, &n);
	sent = send_mirror(out->fd, mirror) && control_send_plan(out->fd, bundle, n);
	mem_free(bundle);
	if (!sent)
		return error_set(err, ERR_ENVIRONMENT,
		        "the emulator's process ended before it had its plan");
	return wait_ready(out, err);
}

void spawn_end(struct spawned *p)
{
	int64_t deadline = clock_now_ns() + NS_PER_S;
	struct rusage used = {0};
	int status;

	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
	while (p->pid > 0) {
		pid_t got = wait4(p->pid, &status, WNOHANG, &used);

		if (got == p->pid || (got < 0 && errno != EINTR)) {
			p->pid = 0;
			p->peak_kib = used.ru_maxrss;
			return;
		}
		if (clock_now_ns() > deadline)
			(void)kill(p->pid, SIGKILL);
		clock_sleep_until(clock_now_ns() + NS_PER_MS);
	}
}
