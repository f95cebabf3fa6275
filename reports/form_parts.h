/* How the tables of forms are written. For form_*.c alone. */
#ifndef LPC_REPORTS_FORM_PARTS_H
#define LPC_REPORTS_FORM_PARTS_H

#include "harness/base/check.h"
#include "reports/form.h"
#include "reports/names.h"
#include "reports/score.h"

#define PLAIN(key, what)                                                                           \
	{                                                                                          \
		.name = (key), .kind = (what)                                                      \
	}
#define OR_NULL(key, what)                                                                         \
	{                                                                                          \
		.name = (key), .kind = (what), .flags = FORM_NULL                                  \
	}
#define MAYBE(key, what)                                                                           \
	{                                                                                          \
		.name = (key), .kind = (what), .flags = FORM_OPTIONAL                              \
	}
#define MAYBE_OR_NULL(key, what)                                                                   \
	{                                                                                          \
		.name = (key), .kind = (what), .flags = FORM_OPTIONAL | FORM_NULL                  \
	}
#define WORD_AS(key, words, how)                                                                   \
	{                                                                                          \
		.name = (key), .kind = FORM_CHOICE, .choices = (words), .flags = (how)             \
	}
#define WORD(key, words) WORD_AS(key, words, 0)
#define OBJECT_AS(key, table, how)                                                                 \
	{                                                                                          \
		.name = (key), .kind = FORM_OBJECT, .of = (table), .n = ARRAY_LEN(table),          \
		.flags = (how)                                                                     \
	}
#define OBJECT(key, table) OBJECT_AS(key, table, 0)
/* One that has several places. */
#define SHARED_AS(key, table, how)                                                                 \
	{                                                                                          \
		.name = (key), .kind = FORM_OBJECT, .of = (table), .n = ARRAY_LEN(table),          \
		.flags = (how), .def = #table                                                      \
	}
#define SHARED(key, table) SHARED_AS(key, table, 0)
#define EACH(key, words, count, element)                                                           \
	{                                                                                          \
		.name = (key), .kind = FORM_EACH, .choices = (words), .of = (element),             \
		.n = (count)                                                                       \
	}
#define LIST_AS(key, element, how)                                                                 \
	{                                                                                          \
		.name = (key), .kind = FORM_LIST, .of = (element), .flags = (how)                  \
	}
#define LIST(key, element) LIST_AS(key, element, 0)
#define MAP_AS(key, element, how)                                                                  \
	{                                                                                          \
		.name = (key), .kind = FORM_MAP, .of = (element), .flags = (how)                   \
	}
#define MAP(key, element) MAP_AS(key, element, 0)

/* How each file of a run begins. */
#define ORIGIN(words)                                                                              \
	WORD("schema", words), PLAIN("scenario", FORM_TEXT), PLAIN("seed", FORM_COUNT),            \
	        WORD("clock", form_clocks)

extern const char *const form_clocks[], *const form_labels[], *const form_judged[],
                                                                      *const form_limits[];
/* An element of "faults", of result.json and of faults.json. */
extern const struct form form_fault;
/* Elements that are nothing but their kind. */
extern const struct form form_text, form_count, form_number;

#endif
