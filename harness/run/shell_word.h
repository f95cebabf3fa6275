/* Words of commands that people are told to type: replays, resumes. */
#ifndef LPC_RUN_SHELL_WORD_H
#define LPC_RUN_SHELL_WORD_H

#include <stddef.h>

/* Appends " word" at buf[at], quoted where a shell would read it otherwise. Returns the new end,
 * cut at size - 1. */
size_t shell_word(char *buf, size_t size, size_t at, const char *word);

#endif
