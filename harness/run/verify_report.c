#include "harness/run/verify_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "reports/names.h"
#include "reports/score.h"
#include "reports/text.h"

enum { LINE_BYTES = 1024 };

static const char *const questions[] = {
        [ASKED_ALTERED] = "was it altered?",
        [ASKED_TESTED] = "what was tested?",
        [ASKED_PROMISED] = "what was promised?",
        [ASKED_DONE] = "what was done?",
        [ASKED_JUDGED] = "who judged?",
        [ASKED_REDONE] = "can it be redone?",
};

static const char *const keys[] = {
        [ASKED_ALTERED] = "altered",
        [ASKED_TESTED] = "tested",
        [ASKED_PROMISED] = "promised",
        [ASKED_DONE] = "done",
        [ASKED_JUDGED] = "judged",
        [ASKED_REDONE] = "redone",
};

/* A copy that is text, and that no terminal acts on: the words may be the pack's. */
static char *visible(const char *text)
{
	struct error e = ERROR_INIT;
	struct text plain;
	char *copy;

	text_init(&plain, ERROR_TEXT_MAX);
	for (size_t n = strlen(text), i = 0, length; i < n; i += length) {
		length = json_utf8_len(text + i, n - i);
		if (length)
			text_add(&plain, text + i, length);
		else
			text_printf(&plain, "\\x%02x", (unsigned char)text[i]);
		length = length ? length : 1;
	}
	error_set(&e, ERR_USAGE, "%s", plain.buf ? plain.buf : "");
	text_free(&plain);
	copy = mem_alloc(strlen(e.text) + 1, 1);
	memcpy(copy, e.text, strlen(e.text));
	return copy;
}

void verify_report_init(struct verify_report *r)
{
	*r = (struct verify_report){0};
}

void verify_report_free(struct verify_report *r)
{
	for (uint32_t i = 0; i < r->n_found; i++) {
		mem_free(r->found[i].file);
		mem_free(r->found[i].text);
	}
	for (uint32_t i = 0; i < r->n_answers; i++) {
		mem_free(r->answers[i].as);
		mem_free(r->answers[i].text);
	}
	mem_free(r->answers);
}

void verify_report_found(struct verify_report *r, enum defect d, const char *file, const char *text)
{
	struct verify_found *f;

	r->defects++;
	if (r->n_found == VERIFY_KEPT_MAX)
		return;
	f = &r->found[r->n_found++];
	*f = (struct verify_found){d, visible(file), visible(text)};
	(void)fprintf(
	        stderr, "%s: %s%s%s\n", defect_name(d), f->file, f->file[0] ? ": " : "", f->text);
}

void verify_report_answer(
        struct verify_report *r, enum verify_question q, const char *as, const char *fmt, ...)
{
	char text[LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->answers = mem_room(r->answers, r->n_answers, &r->answers_capacity, sizeof(*r->answers));
	r->answers[r->n_answers++] = (struct verify_answer){q, visible(as), visible(text)};
}

static void print_answers(const struct verify_report *r, enum verify_question q)
{
	const char *head = questions[q];

	for (uint32_t i = 0; i < r->n_answers; i++) {
		const struct verify_answer *a = &r->answers[i];

		if (a->question != q)
			continue;
		(void)fprintf(stderr, "%-19s %s%s%s\n", head, a->as, a->as[0] ? ": " : "", a->text);
		head = "";
	}
}

/* "2 pass, 1 fail" */
static void write_verdicts(const struct verify_report *r, char *buf, size_t n)
{
	size_t at = 0;

	buf[0] = '\0';
	for (int v = 0; v < (int)ARRAY_LEN(r->verdicts); v++)
		if (r->verdicts[v] && at < n)
			at += (size_t)snprintf(buf + at, n - at, "%s%" PRIu32 " %s", at ? ", " : "",
			        r->verdicts[v], names_verdicts[v]);
}

void verify_report_print(const struct verify_report *r, const char *pack)
{
	char verdicts[LINE_BYTES];

	for (int q = 0; q < ASKED_COUNT; q++)
		print_answers(r, (enum verify_question)q);
	if (r->defects > r->n_found)
		(void)fprintf(stderr, "… and %" PRIu64 " defects more\n", r->defects - r->n_found);
	write_verdicts(r, verdicts, sizeof(verdicts));
	if (r->defects)
		(void)fprintf(stderr, "%s: NOT in order, %" PRIu64 " defect%s\n", pack, r->defects,
		        r->defects == 1 ? "" : "s");
	else
		(void)fprintf(stderr, "%s: in order; verdicts: %s\n", pack,
		        verdicts[0] ? verdicts : "none");
}

void verify_report_json(const struct verify_report *r, const char *pack, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "schema", "lpuchaos.verify/1");
	json_out_str(o, "pack", pack);
	json_out_bool(o, "in_order", r->defects == 0);
	json_out_u64(o, "defects", r->defects);
	json_out_open(o, "found", '[');
	for (uint32_t i = 0; i < r->n_found; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "defect", defect_name(r->found[i].defect));
		json_out_str(o, "file", r->found[i].file);
		json_out_str(o, "text", r->found[i].text);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_open(o, "answers", '[');
	for (uint32_t i = 0; i < r->n_answers; i++) {
		json_out_open(o, NULL, '{');
		json_out_str(o, "asked", keys[r->answers[i].question]);
		json_out_str(o, "run", r->answers[i].as);
		json_out_str(o, "answer", r->answers[i].text);
		json_out_close(o);
	}
	json_out_close(o);
	json_out_open(o, "verdicts", '{');
	for (int v = 0; v < (int)ARRAY_LEN(r->verdicts); v++)
		json_out_u64(o, names_verdicts[v], r->verdicts[v]);
	json_out_close(o);
	json_out_close(o);
}
