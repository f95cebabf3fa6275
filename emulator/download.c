/* A transfer that a link slows down piece by piece. What is left is counted in the time it would
 * take on a healthy link; a link that is `factor` times as slow takes 1/factor of it a nanosecond.
 * The factor is constant between two calls, because whoever changes it calls: the episodes by the
 * instant they name, a fault that comes or goes by health_link_changed. Integers only; a part is a
 * millionth of a nanosecond, so rounding never adds up to one. */
#include "emulator/rack_state.h"

enum { DOWNLOAD_PARTS = 1000000 };

static int64_t plan(struct rack *r, int64_t now, struct download *d)
{
	int64_t change, due = NS_NEVER;

	d->at = now;
	d->factor = fabric_bulk(r, now, &change);
	if (d->factor) {
		__int128 ns = (d->left * d->factor + DOWNLOAD_PARTS - 1) / DOWNLOAD_PARTS;

		due = ns < NS_NEVER - now ? now + (int64_t)ns : NS_NEVER;
	}
	return due < change ? due : change;
}

int64_t download_begin(struct rack *r, int64_t now, int64_t healthy_ns, struct download *d)
{
	d->left = (__int128)healthy_ns * DOWNLOAD_PARTS;
	return plan(r, now, d);
}

bool download_step(struct rack *r, int64_t now, struct download *d, int64_t *next)
{
	if (d->factor)
		d->left -= (__int128)(now - d->at) * DOWNLOAD_PARTS / d->factor;
	if (d->left <= 0)
		return true;
	*next = plan(r, now, d);
	return false;
}
