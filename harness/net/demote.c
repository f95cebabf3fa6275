/* The order matters: the bounding set needs CAP_SETPCAP, groups and group ids need CAP_SETGID, and
 * both are gone with the user id. Then no_new_privs, so that no program executed later brings
 * anything back. Nothing is believed: the last part tries what a thief would try. */
#include "harness/net/demote.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534, CAPABILITIES_MAX = 64, CAPABILITY_WORDS = 2 };

/* An id that sudo left behind; false if there is none, or it is root's. */
static bool id_of(const char *name, uint32_t *out)
{
	const char *text = getenv(name);
	unsigned long long v;
	char *end;

	if (!text || text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || *end || v == 0 || v >= UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

struct demote_heir demote_heir(void)
{
	struct demote_heir h = {.uid = NOBODY, .gid = NOBODY, .changes = true};

	if (geteuid() != 0 || getuid() != 0) {
		h = (struct demote_heir){
		        .uid = getuid(), .gid = getgid(), .changes = geteuid() == 0};
	} else if (id_of("SUDO_UID", &h.uid)) {
		(void)id_of("SUDO_GID", &h.gid);
	}
	return h;
}

static enum status refused(const char *what, struct error *err)
{
	return error_set(err, ERR_ENVIRONMENT, "privileges cannot be given up: %s: %s", what,
	        strerror(errno));
}

/* EPERM: no right to change ids; EINVAL: this user namespace has no other id. */
static bool cannot_change(void)
{
	return errno == EPERM || errno == EINVAL;
}

static enum status change_ids(const struct demote_heir *h, struct error *err)
{
	if (h->changes && setgroups(1, &h->gid) && !cannot_change())
		return refused("setgroups", err);
	if (setresgid(h->gid, h->gid, h->gid) && !cannot_change())
		return refused("setresgid", err);
	if (setresuid(h->uid, h->uid, h->uid) && !cannot_change())
		return refused("setresuid", err);
	return ERR_NONE;
}

static enum status drop_capabilities(struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[CAPABILITY_WORDS] = {{0}};

	if (syscall(SYS_capset, &header, none))
		return refused("capset", err);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL))
		return refused("PR_SET_NO_NEW_PRIVS", err);
	return ERR_NONE;
}

static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[CAPABILITY_WORDS] = {{0}};

	if (syscall(SYS_capget, &header, data))
		return true;
	for (int i = 0; i < CAPABILITY_WORDS; i++)
		if (data[i].effective | data[i].permitted | data[i].inheritable)
			return true;
	return false;
}

static bool opens_packet_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

/* Root again, by any of the three ids, without having to be it already. */
static bool becomes_root(void)
{
	uid_t real, effective, saved;

	if (getresuid(&real, &effective, &saved) || real == 0 || effective == 0 || saved == 0)
		return true;
	return setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setgroups(0, NULL) == 0;
}

static enum status verify(bool changed, struct error *err)
{
	const char *left = NULL;

	if (has_capabilities())
		left = "capabilities are left";
	else if (prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) != 1)
		left = "no_new_privs is not set";
	else if (opens_packet_socket())
		left = "a packet socket can still be opened";
	else if (changed && becomes_root())
		left = "root can be had again";
	if (left)
		return error_set(err, ERR_ENVIRONMENT, "privileges were given up, but %s", left);
	return ERR_NONE;
}

enum status demote_process(struct error *err)
{
	struct demote_heir h = demote_heir();
	bool changed;

	for (unsigned long i = 0; i < CAPABILITIES_MAX; i++)
		(void)prctl(PR_CAPBSET_DROP, i, 0UL, 0UL, 0UL); /* as far as it is allowed */
	(void)prctl(PR_CAP_AMBIENT, (unsigned long)PR_CAP_AMBIENT_CLEAR_ALL, 0UL, 0UL, 0UL);
	if (change_ids(&h, err))
		return err->code;
	changed = h.changes && geteuid() != 0;
	if (drop_capabilities(err))
		return err->code;
	return verify(changed, err);
}
