/* Base64, RFC 4648 section 4: the standard alphabet with padding. */
#ifndef LPC_REPORTS_BASE64_H
#define LPC_REPORTS_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that n bytes become, without NUL; and the most bytes that n characters may hold. */
#define BASE64_CHARS(n) (((size_t)(n) + 2) / 3 * 4)
#define BASE64_BYTES(n) ((size_t)(n) / 4 * 3)

/* Writes BASE64_CHARS(n) characters and a NUL. */
void base64_encode(const void *data, size_t n, char *out);

/* Decodes n characters into out, which has room for BASE64_BYTES(n). False, with out undefined, for
 * whatever the encoder would not have written: another alphabet, white space, missing or extra
 * padding, bits set that belong to no byte. So no two texts decode to the same bytes. */
bool base64_decode(const char *text, size_t n, uint8_t *out, size_t *n_out);

#endif
