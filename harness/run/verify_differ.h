/* Where two documents that should say the same do not. */
#ifndef LPC_RUN_VERIFY_DIFFER_H
#define LPC_RUN_VERIFY_DIFFER_H

#include <stdbool.h>
#include "harness/base/json.h"

enum { VERIFY_DIFFER_BYTES = 512 };

/* Whether they differ, as values; text: the first place, below `path`, and what each has there. */
bool verify_differ(
        struct jval said, struct jval now, const char *path, char text[static VERIFY_DIFFER_BYTES]);

#endif
