/* Built without MPI. mpirun would start the whole campaign once a rank, all in one directory; that
 * is said instead. */
#include <stdlib.h>
#include <string.h>

#include "harness/run/ranks.h"

enum status ranks_begin(struct ranks *r, struct error *err)
{
	const char *size = getenv("OMPI_COMM_WORLD_SIZE");

	*r = (struct ranks){.size = 1};
	if (!size || strcmp(size, "1") == 0)
		return ERR_NONE;
	return error_set(err, ERR_USAGE,
	        "expected a start without mpirun, found %s ranks: this program was built without "
	        "MPI (cmake -DLPUCHAOS_MPI=ON)",
	        size);
}

enum status ranks_share(const struct ranks *r, void **bytes, size_t *n, struct error *err)
{
	(void)r, (void)bytes, (void)n, (void)err;
	return ERR_NONE;
}

void ranks_serve(
        const struct ranks *r, struct campaign_pool *pool, const volatile sig_atomic_t *interrupt)
{
	(void)r, (void)pool, (void)interrupt;
}

bool ranks_next(void *ctx, uint64_t *index)
{
	(void)ctx, (void)index;
	UNREACHABLE("a rank beside 0");
}

enum status ranks_done(void *ctx, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, struct error *err)
{
	(void)ctx, (void)index, (void)line, (void)n, (void)brief, (void)err;
	UNREACHABLE("a rank beside 0");
}

void ranks_leave(const struct ranks *r, const struct error *err)
{
	(void)r, (void)err;
	UNREACHABLE("a rank beside 0");
}

void ranks_end(const struct ranks *r, bool broken, int code)
{
	(void)r, (void)broken, (void)code;
}
