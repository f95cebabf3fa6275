/* Any bytes as the data of an event: no read beyond them, and a text that the scanner names lies
 * between its quotes inside them. */
#include "harness/load/event.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct event e;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (event_scan(copy, size, &e) && e.text) {
		CHECK(e.token && e.text_len > 0);
		CHECK(e.text > copy && e.text + e.text_len < copy + size);
		CHECK(e.text[-1] == '"' && e.text[e.text_len] == '"');
	}
	free(copy);
	return 0;
}
