/* Any bytes as an envelope. What is taken is written again and read again, and is then the same:
 * the same bytes to be signed, and the same answer about a key. */
#include "reports/sign.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct dsse_envelope *a, const struct dsse_envelope *b)
{
	size_t n_a, n_b;
	uint8_t *pae_a = dsse_pae(a->type, a->body, a->n, &n_a);
	uint8_t *pae_b = dsse_pae(b->type, b->body, b->n, &n_b);

	CHECK(n_a == n_b && memcmp(pae_a, pae_b, n_a) == 0);
	CHECK(a->n_signatures == b->n_signatures);
	for (uint32_t i = 0; i < a->n_signatures; i++) {
		CHECK(strcmp(a->signatures[i].keyid, b->signatures[i].keyid) == 0);
		CHECK(a->signatures[i].n == b->signatures[i].n);
		CHECK(memcmp(a->signatures[i].sig, b->signatures[i].sig, a->signatures[i].n) == 0);
	}
	mem_free(pae_a);
	mem_free(pae_b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SIGN_SEED_BYTES] = {1};
	struct error err = ERROR_INIT, none = ERROR_INIT;
	struct dsse_envelope e, again;
	struct sign_key *k;
	struct arena arena;
	struct json_out o;
	enum status status;

	arena_init(&arena, 0);
	if (dsse_read("fuzz", (const char *)data, size, &arena, &e, &err)) {
		CHECK(err.code == ERR_USAGE && err.text[0] && !strchr(err.text, '\n'));
		arena_free(&arena);
		return 0;
	}
	json_out_init(&o, 0);
	dsse_write(&o, &e);
	status = dsse_read("fuzz", o.buf, o.n, &arena, &again, &none);
	CHECK(status == ERR_NONE);
	check_same(&e, &again);
	k = sign_key_of_seed(seed);
	CHECK(sign_check(k, &e) == sign_check(k, &again));
	sign_key_free(k);
	json_out_free(&o);
	arena_free(&arena);
	return 0;
}
