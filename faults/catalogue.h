/* All kinds there are, in the order of DESIGN §6, and the two ways to print them. */
#ifndef LPC_FAULTS_CATALOGUE_H
#define LPC_FAULTS_CATALOGUE_H

#include <stddef.h>
#include "faults/kind.h"

size_t fault_catalogue_count(void);
const struct fault_kind *fault_catalogue_at(size_t i);
const struct fault_kind *fault_catalogue_find(const char *name); /* NULL if there is none */
const char *fault_catalogue_nearest(const char *name);           /* NULL if nothing is near */

/* `lpuchaos faults --json`: an array of every kind, or of `only`. */
void fault_catalogue_json(const struct fault_kind *only, struct json_out *o);

/* `lpuchaos faults`: one line a kind; with `only`, its whole page. Writes at most n bytes with the
 * NUL and returns the length that the whole text has (as snprintf). */
size_t fault_catalogue_text(const struct fault_kind *only, char *buf, size_t n);

#endif
