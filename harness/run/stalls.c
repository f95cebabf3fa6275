#include "harness/run/stalls.h"

#include <string.h>

#include "harness/base/arena.h"

_Static_assert((int)SAMPLE_STALLS_MAX >= (int)RACK_BLAME_MAX,
        "a sample holds all that the rack tells apart");

void stalls_free(struct stalls *b)
{
	mem_free(b->waiting);
	*b = (struct stalls){0};
}

struct stalled stalls_of(const struct rack_completion *done)
{
	struct stalled account = {
	        .id = done->req.id,
	        .queue_ns = done->queue_ns + done->entry_wait_ns,
	        .prefill_ns = done->prefill_ns,
	        .decode_ns = done->decode_ns,
	        .n = done->n_stalls,
	};

	for (uint32_t i = 0; i < done->n_stalls; i++)
		account.stalls[i] =
		        (struct sample_stall){done->stalls[i].fault, done->stalls[i].ns};
	return account;
}

void stalls_add(struct stalls *b, const struct stalled *account)
{
	b->waiting = mem_room(b->waiting, b->n, &b->capacity, sizeof(*b->waiting));
	b->waiting[b->n++] = *account;
}

bool stalls_take(struct stalls *b, uint64_t id, struct stalled *out)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->waiting[i].id != id)
			continue;
		*out = b->waiting[i];
		b->waiting[i] = b->waiting[--b->n];
		return true;
	}
	return false;
}

void stalls_blame(const struct stalled *account, struct sample *s)
{
	int64_t known = account->queue_ns + account->prefill_ns + account->decode_ns;

	s->blame_queue_ns = account->queue_ns;
	s->blame_prefill_ns = account->prefill_ns;
	s->blame_decode_ns = account->decode_ns;
	s->n_stalls = account->n;
	memcpy(s->stalls, account->stalls, sizeof(s->stalls));
	for (uint32_t i = 0; i < account->n; i++)
		known += account->stalls[i].ns;
	s->blame_network_ns = s->t_last - s->t_send - known;
}
