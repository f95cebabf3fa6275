/* The kernel's ring of provided buffers is an array of descriptors whose last field, in the first
 * one, doubles as the tail we publish. liburing 2.3 can register such a ring but not allocate it,
 * so both mappings are made here: one for the descriptors (page-aligned, as the kernel wants), one
 * for the data.
 *
 * The owner table is what makes misuse loud. A buffer given back twice would be in the kernel's
 * ring twice, and two connections' bytes would land in one place: the worst kind of error a
 * measuring instrument can have. So every take and give is checked against the table, in every
 * build. */
#include "harness/net/bufring.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/mman.h>
#include "harness/base/arena.h"
#include "harness/base/fifo.h"
#include "harness/net/ring.h"

#define OWNER_KERNEL UINT32_MAX
enum { ENTRIES_MAX = 32768 };

struct bufring {
	struct io_uring *raw;
	struct io_uring_buf_ring *ring;
	char *data;
	uint32_t *owner; /* by bid; OWNER_KERNEL = free */
	uint32_t entries, buffer_bytes, free;
	uint16_t group;
	bool registered;
	struct fifo parked;
};

static void *map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static size_t ring_bytes(const struct bufring *b)
{
	return (size_t)b->entries * sizeof(struct io_uring_buf);
}

static size_t data_bytes(const struct bufring *b)
{
	return (size_t)b->entries * b->buffer_bytes;
}

static void provide(struct bufring *b, uint32_t bid)
{
	io_uring_buf_ring_add(b->ring, b->data + (size_t)bid * b->buffer_bytes, b->buffer_bytes,
	        (unsigned short)bid, io_uring_buf_ring_mask(b->entries), 0);
	io_uring_buf_ring_advance(b->ring, 1);
	b->owner[bid] = OWNER_KERNEL;
	b->free++;
}

static enum status register_ring(struct bufring *b, struct error *err)
{
	struct io_uring_buf_reg reg = {
	        .ring_addr = (uintptr_t)b->ring,
	        .ring_entries = b->entries,
	        .bgid = b->group,
	};
	int rc = io_uring_register_buf_ring(b->raw, &reg, 0);

	if (rc < 0)
		return error_set(err, ERR_ENVIRONMENT,
		        "expected a ring of %u provided buffers, found it refused by io_uring: %s",
		        b->entries, strerror(-rc));
	b->registered = true;
	return ERR_NONE;
}

/* The FIFO grows by doubling; this makes it grow now rather than in the loop. */
static void grow_parked(struct bufring *b, uint32_t n)
{
	fifo_init(&b->parked, n);
	for (uint32_t i = 0; i < n; i++)
		CHECK(fifo_push(&b->parked, 0));
	while (b->parked.n)
		(void)fifo_pop(&b->parked);
}

enum status bufring_open(struct bufring **out, struct ring *r, const struct bufring_config *config,
        struct error *err)
{
	struct bufring *b = mem_alloc(1, sizeof(*b));
	enum status status;

	CHECK(config->entries > 0 && config->entries <= ENTRIES_MAX);
	CHECK((config->entries & (config->entries - 1)) == 0 && config->buffer_bytes > 0);
	b->raw = ring_raw(r);
	b->entries = config->entries;
	b->buffer_bytes = config->buffer_bytes;
	b->group = ring_next_group(r);
	b->owner = mem_alloc(b->entries, sizeof(*b->owner));
	grow_parked(b, config->parked_max);
	b->ring = map(ring_bytes(b));
	b->data = map(data_bytes(b));
	if (!b->ring || !b->data) {
		status =
		        error_set(err, ERR_ENVIRONMENT, "expected %zu bytes of receive buffers: %s",
		                data_bytes(b), strerror(errno));
		goto out_close;
	}
	status = register_ring(b, err);
	if (status != ERR_NONE)
		goto out_close;
	io_uring_buf_ring_init(b->ring);
	for (uint32_t bid = 0; bid < b->entries; bid++)
		provide(b, bid);
	*out = b;
	return ERR_NONE;
out_close:
	bufring_close(b);
	return status;
}

void bufring_close(struct bufring *b)
{
	if (!b)
		return;
	if (b->registered)
		(void)io_uring_unregister_buf_ring(b->raw, b->group);
	if (b->ring)
		munmap(b->ring, ring_bytes(b));
	if (b->data)
		munmap(b->data, data_bytes(b));
	fifo_free(&b->parked);
	mem_free(b->owner);
	mem_free(b);
}

uint16_t bufring_group(const struct bufring *b)
{
	return b->group;
}

uint32_t bufring_free(const struct bufring *b)
{
	return b->free;
}

char *bufring_take(struct bufring *b, uint32_t cqe_flags, uint32_t owner, uint32_t *bid)
{
	*bid = cqe_flags >> IORING_CQE_BUFFER_SHIFT;
	CHECK((cqe_flags & IORING_CQE_F_BUFFER) && *bid < b->entries && owner != OWNER_KERNEL);
	CHECK(b->owner[*bid] == OWNER_KERNEL);
	b->owner[*bid] = owner;
	b->free--;
	return b->data + (size_t)*bid * b->buffer_bytes;
}

void bufring_give(struct bufring *b, uint32_t bid, uint32_t owner)
{
	CHECK(bid < b->entries && owner != OWNER_KERNEL && b->owner[bid] == owner);
	provide(b, bid);
}

void bufring_park(struct bufring *b, uint64_t who)
{
	CHECK(fifo_push(&b->parked, who));
}

uint32_t bufring_parked(const struct bufring *b)
{
	return b->parked.n;
}

bool bufring_unpark(struct bufring *b, uint64_t *who)
{
	if (!b->parked.n)
		return false;
	*who = fifo_pop(&b->parked);
	return true;
}
