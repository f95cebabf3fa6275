/* Deployments for tests: from text or from a file of the source tree, with a loader that reads
 * files. */
#ifndef LPC_TESTS_DEPLOYMENT_TEXT_H
#define LPC_TESTS_DEPLOYMENT_TEXT_H

#include "emulator/deployment.h"

struct parsed {
	struct arena arena;
	struct json *docs[8];
	size_t n_docs;
	struct deployment d;
	struct error err;
	char message[1024]; /* of the error, as a user sees it; "" if none */
};

/* A file's bytes with a closing NUL, mem_free() them; NULL if there is none. */
char *file_text(const char *path, size_t *n);

/* True if it is a deployment. parsed_free() in both cases. `file` is the name in errors. */
bool parse_text(struct parsed *p, const char *file, const char *text);
bool parse_file(struct parsed *p, const char *path); /* relative to the source tree */
void parsed_free(struct parsed *p);

#endif
