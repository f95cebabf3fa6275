/* The three renderers walk the same records in the same order, so that what a terminal, the docs
 * and the man page say can differ in dress only. */
#include "harness/cli/help.h"

#include <string.h>
#include "harness/cli/commands.h"

enum { HELP_COLUMNS = 96, HELP_OPTION_COLUMN = 26 };

static const char summary[] =
        "fault injection and chaos tests for deterministic LPU inference racks";

static const struct {
	int code;
	const char *meaning;
} exit_codes[] = {
        {0, "pass"},
        {1, "an SLO or an expectation was missed"},
        {2, "usage or bad input"},
        {3, "environment: no io_uring, port taken, no permission"},
        {4, "the run is invalid or inconclusive"},
        {5, "aborted by an abort rule"},
        {130, "interrupted (SIGINT); 143 for SIGTERM"},
};

/* Words of text from column `from` on, broken before HELP_COLUMNS, further lines indented alike. */
static void print_wrapped(FILE *out, const char *text, int from)
{
	int column = from;
	bool first = true;

	while (*text) {
		int len = (int)strcspn(text, " \n");

		if (!first && column + 1 + len > HELP_COLUMNS) {
			fprintf(out, "\n%*s", from, "");
			column = from;
			first = true;
		}
		column += fprintf(out, "%s%.*s", first ? "" : " ", len, text);
		first = false;
		text += len;
		if (text[0] == '\n' && text[1] == '\n') {
			fprintf(out, "\n\n%*s", from, "");
			column = from;
			first = true;
			text++;
		}
		text += *text != '\0';
	}
	fputc('\n', out);
}

/* "--seed N", as it is typed. */
static void option_usage(const struct option *o, char *buf, size_t n)
{
	snprintf(buf, n, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
}

/* " (default: 3)", " (may be repeated)" or nothing. */
static void option_note(const struct option *o, char *buf, size_t n)
{
	buf[0] = '\0';
	if (o->type == OPTION_LIST)
		snprintf(buf, n, " (may be repeated)");
	else if (o->fallback)
		snprintf(buf, n, " (default: %s)", o->fallback);
}

static void print_option(FILE *out, const struct option *o)
{
	char usage[80], note[80], text[512];
	int n;

	option_usage(o, usage, sizeof(usage));
	option_note(o, note, sizeof(note));
	snprintf(text, sizeof(text), "%s%s", o->help, note);
	n = fprintf(out, "  %s", usage);
	if (n + 2 > HELP_OPTION_COLUMN)
		n = fprintf(out, "\n") - 1;
	fprintf(out, "%*s", HELP_OPTION_COLUMN - n, "");
	print_wrapped(out, text, HELP_OPTION_COLUMN);
}

void help_command(FILE *out, const struct command *c)
{
	fprintf(out, "Usage: lpuchaos %s%s%s%s\n\n", c->name, c->operands[0] ? " " : "",
	        c->operands, c->n_options ? " [options]" : "");
	print_wrapped(out, c->about, 0);
	if (c->n_options == 0)
		return;
	fprintf(out, "\nOptions:\n");
	for (size_t i = 0; i < c->n_options; i++)
		if (!c->options[i].hidden)
			print_option(out, &c->options[i]);
}

void help_overview(FILE *out)
{
	fprintf(out,
	        "lpuchaos: %s\n\nUsage: lpuchaos COMMAND [operands] [--option value]…\n\n"
	        "Commands:\n",
	        summary);
	for (size_t i = 0; commands[i]; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out,
	        "\n'lpuchaos help COMMAND' tells more. 'lpuchaos --version' prints the version.\n\n"
	        "Exit codes:\n");
	for (size_t i = 0; i < ARRAY_LEN(exit_codes); i++)
		fprintf(out, "  %3d  %s\n", exit_codes[i].code, exit_codes[i].meaning);
}

/* Text inside a Markdown table: a bar would end the cell. */
static void print_cell(FILE *out, const char *text)
{
	for (; *text; text++)
		fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

static void markdown_command(FILE *out, const struct command *c)
{
	fprintf(out, "\n## lpuchaos %s%s%s\n\n", c->name, c->operands[0] ? " " : "", c->operands);
	print_wrapped(out, c->about, 0);
	if (c->n_options == 0)
		return;
	fprintf(out, "\n| option | meaning |\n| --- | --- |\n");
	for (size_t i = 0; i < c->n_options; i++) {
		char usage[80], note[80];

		if (c->options[i].hidden)
			continue;
		option_usage(&c->options[i], usage, sizeof(usage));
		option_note(&c->options[i], note, sizeof(note));
		fprintf(out, "| `");
		print_cell(out, usage);
		fprintf(out, "` | ");
		print_cell(out, c->options[i].help);
		print_cell(out, note);
		fprintf(out, " |\n");
	}
}

void help_markdown(FILE *out)
{
	fprintf(out,
	        "# Command line\n\n"
	        "Written by `lpuchaos help --markdown`; a test keeps it so. Options are long, "
	        "`--key value` or\n`--key=value`. Human text goes to stderr, machine output to "
	        "stdout or into files.\n\n| command | does |\n| --- | --- |\n");
	for (size_t i = 0; commands[i]; i++)
		fprintf(out, "| `lpuchaos %s` | %s |\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n| exit code | meaning |\n| --- | --- |\n");
	for (size_t i = 0; i < ARRAY_LEN(exit_codes); i++)
		fprintf(out, "| %d | %s |\n", exit_codes[i].code, exit_codes[i].meaning);
	for (size_t i = 0; commands[i]; i++)
		markdown_command(out, commands[i]);
}

/* roff takes a leading dot or apostrophe for a request and a backslash for an escape. */
static void print_roff(FILE *out, const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\n' && text[1] == '\n') {
			fputs("\n.PP\n", out);
			text++;
		} else if (*text == '\\') {
			fputs("\\e", out);
		} else if (*text == '-') {
			fputs("\\-", out);
		} else {
			fputc(*text, out);
		}
		line_start = *text == '\n';
	}
	fputc('\n', out);
}

static void man_option(FILE *out, const struct option *o)
{
	char usage[80], note[80];

	option_usage(o, usage, sizeof(usage));
	option_note(o, note, sizeof(note));
	fprintf(out, ".TP\n.B ");
	print_roff(out, usage);
	fputs(o->help, out);
	print_roff(out, note);
}

void help_man(FILE *out)
{
	fprintf(out, ".TH LPUCHAOS 1\n.SH NAME\nlpuchaos \\- ");
	print_roff(out, summary);
	fprintf(out, ".SH SYNOPSIS\n.B lpuchaos\n.I COMMAND\n[operands] [\\-\\-option value] ...\n"
	             ".SH COMMANDS\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];

		fprintf(out, ".SS \"lpuchaos %s%s%s\"\n", c->name, c->operands[0] ? " " : "",
		        c->operands);
		print_roff(out, c->about);
		for (size_t j = 0; j < c->n_options; j++)
			if (!c->options[j].hidden)
				man_option(out, &c->options[j]);
	}
	fprintf(out, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < ARRAY_LEN(exit_codes); i++) {
		fprintf(out, ".TP\n.B %d\n", exit_codes[i].code);
		print_roff(out, exit_codes[i].meaning);
	}
}
