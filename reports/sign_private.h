/* What a key is, for reports/sign.c and sign_key.c. */
#ifndef LPC_REPORTS_SIGN_PRIVATE_H
#define LPC_REPORTS_SIGN_PRIVATE_H

#include <openssl/types.h>
#include "reports/sign.h"

struct sign_key {
	EVP_PKEY *pkey;
	bool private;
	char id[SIGN_ID_MAX];
};

/* Takes over pkey, which is an Ed25519 key. */
struct sign_key *sign_key_own(EVP_PKEY *pkey, bool private) LPC_MUST_USE;

#endif
