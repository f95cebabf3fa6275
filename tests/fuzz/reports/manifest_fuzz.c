/* Any bytes as a manifest: what is taken has one spelling, and is in order. */
#include "reports/verify_manifest.h"

#include <string.h>
#include "reports/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct manifest m;
	struct arena arena;
	struct text again;

	arena_init(&arena, 0);
	text_init(&again, size + 1);
	if (manifest_read((const char *)data, size, &arena, &m, &err)) {
		CHECK(err.code == ERR_USAGE && err.text[0] && !strchr(err.text, '\n'));
	} else {
		for (uint32_t i = 0; i < m.n; i++) {
			char hex[DIGEST_TEXT_MAX];

			text_printf(&again, "%s  %s\n",
			        digest_text(m.lines[i].sha256, hex) + strlen("sha256:"),
			        m.lines[i].path);
			CHECK(i == 0 || strcmp(m.lines[i - 1].path, m.lines[i].path) < 0);
		}
		CHECK(again.n == size && memcmp(again.buf, data, size) == 0);
	}
	manifest_free(&m);
	text_free(&again);
	arena_free(&arena);
	return 0;
}
