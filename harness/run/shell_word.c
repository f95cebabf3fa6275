#include "harness/run/shell_word.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t shell_word(char *buf, size_t size, size_t at, const char *word)
{
	bool plain = *word != '\0' &&
	             strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                          "-_./=:,+@%") == strlen(word);
	int n = snprintf(buf + at, size - at, plain ? " %s" : " '%s'", word);

	at += n > 0 ? (size_t)n : 0;
	return at < size - 1 ? at : size - 1;
}
