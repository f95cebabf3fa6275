#include "tests/support/golden.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/deployment_text.h"

static void write_file(const char *path, const char *text, size_t n)
{
	FILE *file = fopen(path, "wb");

	ck_assert_msg(file != NULL, "cannot write %s", path);
	ck_assert_uint_eq(fwrite(text, 1, n, file), n);
	ck_assert_int_eq(fclose(file), 0);
}

void golden_matches(const char *path, const char *text, size_t n)
{
	char full[1024], *golden;
	size_t size, at = 0, line = 1;

	snprintf(full, sizeof(full), "%s/%s", LPC_SOURCE_DIR, path);
	if (getenv("UPDATE_GOLDEN"))
		write_file(full, text, n);
	golden = file_text(full, &size);
	ck_assert_msg(golden != NULL, "%s is missing (UPDATE_GOLDEN=1 writes it)", path);
	for (; at < n && at < size && golden[at] == text[at]; at++)
		line += text[at] == '\n';
	ck_assert_msg(at == n && at == size,
	        "%s:%zu differs (UPDATE_GOLDEN=1 writes it anew): expected '%.40s', found '%.40s'",
	        path, line, golden + at, text + at);
	mem_free(golden);
}
