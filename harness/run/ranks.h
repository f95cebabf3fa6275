/* Under mpirun the processes of one campaign share its cells. Rank 0 reads the input, has the
 * directory, hands out cells, and plays, too; the others ask for a few cells at a time and send
 * their lines. Only what rank 0 was told is in the directory: whoever dies, his cells are missing,
 * and the campaign goes on from there when it is started again.
 *
 * ranks_mpi.c where the build found MPI, else ranks_none.c. Without mpirun neither does anything.
 *
 * Thread: ranks_next and ranks_done under the pool's lock, the rest on the thread that began. */
#ifndef LPC_RUN_RANKS_H
#define LPC_RUN_RANKS_H

#include "harness/run/campaign_pool.h"

enum { RANKS_CELLS = 16 }; /* given at once */

struct ranks {
	int rank, size; /* size 1: nobody else is there */
	/* Of ranks beside 0: the cells that it was given and has not begun. */
	uint64_t cells[RANKS_CELLS];
	int n_cells;
	bool none_left;
};

/* ERR_USAGE under mpirun where the program was built without MPI. */
enum status ranks_begin(struct ranks *r, struct error *err) LPC_MUST_USE;

/* Rank 0 gives n bytes, the others get them (mem_free); n = 0 says that there is nothing to do. */
enum status ranks_share(
        const struct ranks *r, void **bytes, size_t *n, struct error *err) LPC_MUST_USE;

/* Rank 0, as campaign_work.meanwhile: answers the others until all have left, or an interrupt. */
void ranks_serve(
        const struct ranks *r, struct campaign_pool *pool, const volatile sig_atomic_t *interrupt);

/* The others: campaign_work's next and done, with the ranks as ctx. */
bool ranks_next(void *ctx, uint64_t *index);
enum status ranks_done(void *ctx, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, struct error *err) LPC_MUST_USE;
/* … and that they are done, with an error that ends the campaign, or none. */
void ranks_leave(const struct ranks *r, const struct error *err);

/* Ends what ranks_begin began. `broken`: some may never get here; they are stopped, and so is this
 * process, with the exit code. */
void ranks_end(const struct ranks *r, bool broken, int code);

#endif
