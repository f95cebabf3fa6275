#include <stdio.h>
#include "harness/cli/commands.h"
#include "reports/sign.h"

struct keygen_args {
	const char *out;
};

static const struct option options[] = {
        {.name = "out",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct keygen_args, out),
                .help = "the private key (mode 0600), required; the public one goes to FILE.pub"},
};

static int run(const void *args)
{
	const struct keygen_args *a = args;
	struct error err = ERROR_INIT;
	struct sign_key *k = NULL;

	if (!a->out)
		error_set(&err, ERR_USAGE, "keygen needs --out FILE, where to write the key");
	else if (sign_key_new(&k, &err) == ERR_NONE && sign_key_save(k, a->out, &err) == ERR_NONE)
		fprintf(stderr,
		        "wrote %s, which is secret, and %s.pub, which is for everybody\n"
		        "key id %s\n",
		        a->out, a->out, sign_key_id(k));
	sign_key_free(k);
	return err.code ? commands_fail(&err) : 0;
}

const struct command command_keygen = {
        .name = "keygen",
        .operands = "",
        .summary = "make a pair of keys to sign evidence with",
        .about = "Makes an Ed25519 key pair: FILE is the private key (PKCS #8 in PEM, mode 0600, "
                 "not "
                 "encrypted), FILE.pub the public one (SubjectPublicKeyInfo in PEM), as openssl "
                 "reads and writes them. Says the key's id, the SHA-256 of the public key in "
                 "DER.\n\n"
                 "Existing files are never overwritten: exit code 2 if there is one, 3 if FILE "
                 "cannot be written, as in a folder that does not exist; nothing is left behind "
                 "then. docs/EVIDENCE.md says what keys are for.",
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct keygen_args),
        .run = run,
};
