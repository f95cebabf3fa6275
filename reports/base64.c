/* Four characters at a time; only the last four may be padded. A signed text must not have a second
 * spelling, so the bits that padding leaves over have to be zero. */
#include "reports/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t n, char *out)
{
	const uint8_t *in = data;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < n)
			v |= in[i + 2];
		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = '=';
		*out++ = '=';
		if (i + 1 < n)
			out[-2] = alphabet[v >> 6 & 63];
		if (i + 2 < n)
			out[-1] = alphabet[v & 63];
	}
	*out = '\0';
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t n, uint8_t *out, size_t *n_out)
{
	size_t made = 0;

	if (n % 4 != 0)
		return false;
	for (size_t i = 0; i < n; i += 4) {
		unsigned padding = 0;
		uint32_t v = 0;

		if (i + 4 == n && text[n - 1] == '=')
			padding = text[n - 2] == '=' ? 2 : 1;
		for (unsigned k = 0; k < 4; k++) {
			int value = k < 4 - padding ? value_of(text[i + k]) : 0;

			if (value < 0)
				return false;
			v = v << 6 | (uint32_t)value;
		}
		if (v & ((1u << 8 * padding) - 1))
			return false;
		for (unsigned k = 0; k < 3 - padding; k++)
			out[made++] = (uint8_t)(v >> (16 - 8 * k));
	}
	*n_out = made;
	return true;
}
