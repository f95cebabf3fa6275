/* Bytes as a frame of zstd whose blocks are not compressed (RFC 8878, 3.1.1). */
#ifndef LPC_TESTS_SUPPORT_ZSTD_FRAME_H
#define LPC_TESTS_SUPPORT_ZSTD_FRAME_H

#include <string.h>
#include "harness/base/arena.h"

enum { ZSTD_BLOCK_MAX = 1 << 17, ZSTD_FRAME_HEAD = 6, ZSTD_BLOCK_HEAD = 3 };

/* Of *size bytes; mem_free. */
static inline uint8_t *zstd_frame(const uint8_t *data, size_t n, size_t *size)
{
	static const uint8_t head[ZSTD_FRAME_HEAD] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70};
	size_t blocks = n / ZSTD_BLOCK_MAX + 1, at = ZSTD_FRAME_HEAD;
	uint8_t *out = mem_alloc(ZSTD_FRAME_HEAD + blocks * ZSTD_BLOCK_HEAD + n, 1);

	memcpy(out, head, ZSTD_FRAME_HEAD);
	for (size_t i = 0; i < blocks; i++) {
		size_t length = n < ZSTD_BLOCK_MAX ? n : ZSTD_BLOCK_MAX;
		uint32_t h = (uint32_t)length << 3 | (i + 1 == blocks);

		for (int b = 0; b < ZSTD_BLOCK_HEAD; b++)
			out[at++] = (uint8_t)(h >> 8 * b);
		if (length)
			memcpy(out + at, data, length);
		at += length;
		data += length;
		n -= length;
	}
	*size = at;
	return out;
}

#endif
