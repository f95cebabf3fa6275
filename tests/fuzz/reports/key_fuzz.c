/* Any bytes as a key: the first one says which half, the others are the file. What is taken signs
 * or verifies. */
#include "reports/sign.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t sig[SIGN_SIG_BYTES] = {0};
	struct error err = ERROR_INIT;
	struct sign_key *k;
	bool private;

	if (size < 1)
		return 0;
	private = data[0] & 1;
	if (sign_key_read("fuzz", (const char *)data + 1, size - 1, private, &k, &err)) {
		CHECK(err.code == ERR_USAGE && err.text[0] && !strchr(err.text, '\n'));
		return 0;
	}
	CHECK(sign_key_is_private(k) == private && strlen(sign_key_id(k)) == SIGN_ID_MAX - 1);
	if (private)
		sign_bytes(k, data, size, sig);
	CHECK(sign_is_of(k, data, size, sig, sizeof(sig)) || !private);
	sign_key_free(k);
	return 0;
}
