/* One conversation: ASK → CELLS (none: there are no more), LINE, ERROR, LEAVE. Rank 0 looks for
 * messages and naps in between, since the processor is better used by the thread that plays; the
 * few cells that an answer holds hide the naps. Towards the end answers get smaller, so that nobody
 * sits on work while others wait.
 *
 * Nothing waits for somebody in particular, but for the end of all: mpirun ends the job when a
 * rank dies, and its SIGTERM gives rank 0 the time to say what is missing. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/net/clock.h"
#include "harness/run/ranks.h"

enum { TAG_ASK = 1, TAG_CELLS, TAG_LINE, TAG_ERROR, TAG_LEAVE };

#define NAP_NS (NS_PER_MS / 5)

struct line_head {
	uint64_t index;
	struct campaign_brief brief;
};

static enum status failed(const char *what, int rc, struct error *err)
{
	char text[MPI_MAX_ERROR_STRING] = "";
	int n = 0;

	(void)MPI_Error_string(rc, text, &n);
	return error_set(err, ERR_ENVIRONMENT, "MPI: cannot %s: %s", what, text);
}

enum status ranks_begin(struct ranks *r, struct error *err)
{
	const char *size = getenv("OMPI_COMM_WORLD_SIZE");
	int given, rc;

	*r = (struct ranks){.size = 1};
	if (!size || strcmp(size, "1") == 0)
		return ERR_NONE;
	rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &given);
	if (rc != MPI_SUCCESS)
		return failed("begin", rc, err);
	if (given < MPI_THREAD_SERIALIZED)
		return error_set(err, ERR_ENVIRONMENT,
		        "expected an MPI that threads may call, found level %d", given);
	(void)MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
	(void)MPI_Comm_rank(MPI_COMM_WORLD, &r->rank);
	(void)MPI_Comm_size(MPI_COMM_WORLD, &r->size);
	return ERR_NONE;
}

enum status ranks_share(const struct ranks *r, void **bytes, size_t *n, struct error *err)
{
	uint64_t size = *n;
	int rc;

	if (r->size == 1)
		return ERR_NONE;
	rc = MPI_Bcast(&size, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
	if (rc == MPI_SUCCESS && size > INT32_MAX)
		return error_set(
		        err, ERR_USAGE, "expected a smaller scenario, found more than 2 GiB");
	if (r->rank != 0) {
		*n = size;
		*bytes = mem_alloc(size + 1, 1);
	}
	if (rc == MPI_SUCCESS && size)
		rc = MPI_Bcast(*bytes, (int)size, MPI_BYTE, 0, MPI_COMM_WORLD);
	return rc == MPI_SUCCESS ? ERR_NONE : failed("share the scenario", rc, err);
}

/* --- rank 0 -------------------------------------------------------------------------- */

static int hand_out(const struct ranks *r, struct campaign_pool *pool, int to)
{
	uint64_t cells[RANKS_CELLS];
	uint64_t share = campaign_pool_left(pool) / (uint64_t)(4 * r->size);
	int n = 0, most = RANKS_CELLS;

	if (share < RANKS_CELLS)
		most = share < 1 ? 1 : (int)share;
	while (n < most && campaign_pool_next(pool, &cells[n]))
		n++;
	return MPI_Send(cells, n, MPI_UINT64_T, to, TAG_CELLS, MPI_COMM_WORLD);
}

static void take_line(struct campaign_pool *pool, const char *bytes, size_t n)
{
	struct error none = ERROR_INIT;
	struct line_head head;

	CHECK(n > sizeof(head));
	memcpy(&head, bytes, sizeof(head));
	campaign_pool_done(
	        pool, head.index, bytes + sizeof(head), n - sizeof(head), &head.brief, &none);
}

static void take_error(struct campaign_pool *pool, const char *bytes, size_t n)
{
	struct error err;

	CHECK(n == sizeof(err));
	memcpy(&err, bytes, sizeof(err));
	campaign_pool_done(pool, 0, NULL, 0, NULL, &err);
}

/* One message that is there. *here loses those who leave. */
static int answer(
        const struct ranks *r, struct campaign_pool *pool, const MPI_Status *status, int *here)
{
	int n, rc = MPI_Get_count(status, MPI_BYTE, &n);
	char *bytes = mem_alloc(rc == MPI_SUCCESS ? (size_t)n + 1 : 1, 1);

	if (rc == MPI_SUCCESS)
		rc = MPI_Recv(bytes, n, MPI_BYTE, status->MPI_SOURCE, status->MPI_TAG,
		        MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	if (rc == MPI_SUCCESS && status->MPI_TAG == TAG_ASK)
		rc = hand_out(r, pool, status->MPI_SOURCE);
	if (rc == MPI_SUCCESS && status->MPI_TAG == TAG_LINE)
		take_line(pool, bytes, (size_t)n);
	if (rc == MPI_SUCCESS && status->MPI_TAG == TAG_ERROR)
		take_error(pool, bytes, (size_t)n);
	if (rc == MPI_SUCCESS && status->MPI_TAG == TAG_LEAVE)
		--*here;
	mem_free(bytes);
	return rc;
}

void ranks_serve(
        const struct ranks *r, struct campaign_pool *pool, const volatile sig_atomic_t *interrupt)
{
	int here = r->size - 1, rc = MPI_SUCCESS;

	while (here > 0 && rc == MPI_SUCCESS) {
		MPI_Status status;
		int there = 0;

		rc = MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &status);
		if (rc == MPI_SUCCESS && there)
			rc = answer(r, pool, &status, &here);
		else if (*interrupt)
			return;
		else
			clock_sleep_until(clock_now_ns() + NAP_NS);
	}
	if (rc != MPI_SUCCESS) {
		struct error err = ERROR_INIT;

		(void)failed("hear the other ranks", rc, &err);
		campaign_pool_done(pool, 0, NULL, 0, NULL, &err);
	}
}

/* --- the others ---------------------------------------------------------------------- */

bool ranks_next(void *ctx, uint64_t *index)
{
	struct ranks *r = ctx;

	if (r->n_cells == 0 && !r->none_left) {
		uint64_t cells[RANKS_CELLS];
		MPI_Status status;
		int n = 0;
		int rc = MPI_Send(NULL, 0, MPI_BYTE, 0, TAG_ASK, MPI_COMM_WORLD);

		if (rc == MPI_SUCCESS)
			rc = MPI_Recv(cells, RANKS_CELLS, MPI_UINT64_T, 0, TAG_CELLS,
			        MPI_COMM_WORLD, &status);
		if (rc == MPI_SUCCESS)
			rc = MPI_Get_count(&status, MPI_UINT64_T, &n);
		r->none_left = rc != MPI_SUCCESS || n == 0;
		r->n_cells = r->none_left ? 0 : n;
		for (int i = 0; i < r->n_cells; i++) /* taken from the end */
			r->cells[i] = cells[r->n_cells - 1 - i];
	}
	if (r->n_cells == 0)
		return false;
	*index = r->cells[--r->n_cells];
	return true;
}

enum status ranks_done(void *ctx, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, struct error *err)
{
	struct line_head head = {.index = index, .brief = *brief};
	char *bytes;
	int rc;

	(void)ctx;
	CHECK(n < INT32_MAX - sizeof(head));
	bytes = mem_alloc(sizeof(head) + n, 1);
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), line, n);
	rc = MPI_Send(bytes, (int)(sizeof(head) + n), MPI_BYTE, 0, TAG_LINE, MPI_COMM_WORLD);
	mem_free(bytes);
	return rc == MPI_SUCCESS ? ERR_NONE : failed("send a line", rc, err);
}

void ranks_leave(const struct ranks *r, const struct error *err)
{
	(void)r;
	if (err->code)
		(void)MPI_Send(err, sizeof(*err), MPI_BYTE, 0, TAG_ERROR, MPI_COMM_WORLD);
	(void)MPI_Send(NULL, 0, MPI_BYTE, 0, TAG_LEAVE, MPI_COMM_WORLD);
}

void ranks_end(const struct ranks *r, bool broken, int code)
{
	if (r->size == 1)
		return;
	if (broken)
		(void)MPI_Abort(MPI_COMM_WORLD, code);
	(void)MPI_Finalize();
}
