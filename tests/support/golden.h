/* Golden files: what a program wrote yesterday. UPDATE_GOLDEN=1 writes them anew, to be read in the
 * diff. */
#ifndef LPC_TESTS_GOLDEN_H
#define LPC_TESTS_GOLDEN_H

#include <stddef.h>

/* Compares with the file (relative to the source tree) and says where they part; a libcheck failure
 * if they do. */
void golden_matches(const char *path, const char *text, size_t n);

#endif
