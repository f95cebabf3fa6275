#include "harness/net/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the process had at first: a child of a pinned process inherits its parent's single
 * processor, and must not conclude that the machine has no other. */
static struct {
	cpu_set_t allowed;
	int error; /* errno: the processors are not known */
	int nice;
} first;
static pthread_once_t looked = PTHREAD_ONCE_INIT;

static void look(void)
{
	if (sched_getaffinity(0, sizeof(first.allowed), &first.allowed))
		first.error = errno;
	first.nice = getpriority(PRIO_PROCESS, 0);
}

static int pin(uint32_t nth, int *processor)
{
	cpu_set_t one;

	(void)pthread_once(&looked, look);
	if (first.error)
		return first.error;
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &first.allowed) || nth-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			return errno;
		*processor = (int)i;
		return 0;
	}
	return ENODEV;
}

static const char group_file[] = "/proc/self/autogroup";

/* "/autogroup-11 nice 0" */
static int group_nice(void)
{
	char text[64] = "";
	int nice, fd = open(group_file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 && sscanf(text, "%*s nice %d", &nice) == 1 ? nice : PRIVILEGE_NO_GROUP;
}

static bool set_group_nice(int nice)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", nice);
	int fd = open(group_file, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;

	if (fd >= 0)
		close(fd);
	return ok;
}

struct privilege privilege_ask(uint32_t nth)
{
	struct privilege p = {.processor = -1};

	p.pin_error = pin(nth, &p.processor);
	if (setpriority(PRIO_PROCESS, 0, PRIVILEGE_NICE))
		p.nice_error = errno;
	p.nice = getpriority(PRIO_PROCESS, 0);
	p.group_nice = group_nice();
	/* Another of ours measures in this session, or was killed while it did: either way it is
	 * not what the session is to be left with. */
	if (p.group_nice == PRIVILEGE_NICE)
		p.group_nice = 0;
	if (p.group_nice != PRIVILEGE_NO_GROUP && !set_group_nice(PRIVILEGE_NICE))
		p.group_nice = PRIVILEGE_NO_GROUP;
	return p;
}

void privilege_drop(void)
{
	(void)pthread_once(&looked, look);
	if (!first.error)
		(void)sched_setaffinity(0, sizeof(first.allowed), &first.allowed);
	(void)setpriority(PRIO_PROCESS, 0, first.nice); /* of this thread alone */
}

void privilege_give_back(const struct privilege *p)
{
	if (p->group_nice != PRIVILEGE_NO_GROUP)
		(void)set_group_nice(p->group_nice); /* there is nobody left to tell */
}

const char *privilege_text(const struct privilege *p, char buf[static PRIVILEGE_TEXT_MAX])
{
	char processor[48], refused[40] = "";

	if (p->pin_error)
		snprintf(processor, sizeof(processor), "no processor of its own (%s)",
		        strerrorname_np(p->pin_error));
	else
		snprintf(processor, sizeof(processor), "processor %d", p->processor);
	if (p->nice_error)
		snprintf(refused, sizeof(refused), " (%s)", strerrorname_np(p->nice_error));
	snprintf(buf, PRIVILEGE_TEXT_MAX, "nice %d%s, %s", p->nice, refused, processor);
	return buf;
}
