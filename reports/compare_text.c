/* For people: the terminal's table and the job summary's. The verdict first, then what got worse,
 * then every question that decides; what decides nothing only where it changed. */
#include "reports/compare.h"

#include <string.h>

enum { CELL = 48 };

static const char *verdict_words(const struct compare *c)
{
	switch (compare_exit_code(c)) {
	case 0:
		return "no regression";
	case 1:
		return "REGRESSION";
	default:
		return "nothing can be said";
	}
}

/* Into buf, without the C library's streams: pure code has text_printf alone. */
static const char *cell(char buf[static CELL], const char *fmt, ...) LPC_PRINTF(2, 3);
static const char *cell(char buf[static CELL], const char *fmt, ...)
{
	struct text t;
	va_list args;

	text_init(&t, CELL - 1);
	va_start(args, fmt);
	text_vprintf(&t, fmt, args);
	va_end(args);
	memcpy(buf, t.buf ? t.buf : "", t.n + 1);
	text_free(&t);
	return buf;
}

static const char *value_cell(bool known, double v, const char *unit, char buf[static CELL])
{
	if (!known)
		return "never";
	return cell(buf, "%.4g%s%s", v, *unit ? " " : "", unit);
}

static bool has_change(const struct compare_item *i)
{
	return i->has_base && i->has_new;
}

static const char *percent_cell(const struct compare_item *i, char buf[static CELL])
{
	if (!has_change(i) || i->base <= 0)
		return "";
	return cell(buf, "%+.2f %%", 100 * (i->new - i->base) / i->base);
}

static const char *bound(double v, char buf[static CELL])
{
	if (v >= __builtin_inf())
		return "inf";
	return v <= -__builtin_inf() ? "-inf" : cell(buf, "%+.4g", v);
}

static const char *interval_cell(const struct compare_item *i, char buf[static CELL])
{
	char low[CELL], high[CELL];

	if (!i->tested)
		return "";
	return cell(buf, "%s … %s", bound(i->low, low), bound(i->high, high));
}

/* How sure, in as many nines as there are. */
static const char *confidence_cell(const struct compare_item *i, char buf[static CELL])
{
	if (i->confidence <= 0)
		return "";
	if (i->confidence > 0.999999)
		return "> 99.9999 %";
	return cell(buf, "%.6g %%", 100 * i->confidence);
}

/* How many that decide nothing are in a state. */
static uint32_t beside(const struct compare_pair *p, enum compare_state state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_items; i++)
		n += !p->items[i].decides && p->items[i].state == state;
	return n;
}

static void beside_text(const struct compare_pair *p, struct text *t)
{
	uint32_t worse = beside(p, COMPARE_WORSE), better = beside(p, COMPARE_BETTER);

	if (worse + better)
		text_printf(t,
		        "Of the figures that decide nothing %u are worse and %u better; --json has "
		        "them.\n",
		        worse, better);
}

static void names_of(const struct compare_pair *p, struct text *t)
{
	text_printf(t, "%s", p->scenario);
	if (p->base && p->base->seed == p->new->seed)
		text_printf(t, " seed %llu", (unsigned long long)p->base->seed);
	else if (p->base)
		text_printf(t, " seeds %llu and %llu", (unsigned long long)p->base->seed,
		        (unsigned long long)p->new->seed);
	if (p->base)
		text_printf(t, ", %s clock", p->base->virtual_clock ? "virtual" : "wall");
	else
		text_printf(t, ", %u and %u seeds", p->base_seeds->n, p->new_seeds->n);
	if (p->same_traffic)
		text_printf(t, p->base ? ", same traffic" : ", the same ones");
}

/* One sentence a regression: what, how much, how sure. */
void compare_sentence(const struct compare_pair *p, const struct compare_item *i, struct text *t)
{
	char a[CELL], b[CELL], d[CELL], e[CELL];

	text_printf(t, "%s: %s", p->scenario, i->name);
	if (strncmp(i->name, "slo ", 4) == 0 && i->metric)
		text_printf(t, " (%s p%g, tier %s, window %s)", i->metric, i->quantile * 100,
		        i->tier ? i->tier : "-", i->window ? i->window : "-");
	if (i->has_base || i->has_new)
		text_printf(t, " %s → %s", value_cell(i->has_base, i->base, i->unit, a),
		        value_cell(i->has_new, i->new, i->unit, b));
	if (has_change(i))
		text_printf(t, ", %+.4g %s (%s)", i->new - i->base, i->unit,
		        *percent_cell(i, d) ? d : "from nothing");
	if (i->tested)
		text_printf(t, ", interval %s %s, confidence %s", interval_cell(i, a), i->unit,
		        confidence_cell(i, e));
	if (i->note)
		text_printf(t, ", %s", i->note);
}

static void table_line(const struct compare_item *i, struct text *t)
{
	char a[CELL], b[CELL], d[CELL], e[CELL], f[CELL];

	text_printf(t, "  %-32s %14s %14s %10s  %-24s %-10s %s%s%s\n", i->name,
	        i->basis == COMPARE_BY_VERDICT ? "" : value_cell(i->has_base, i->base, i->unit, a),
	        i->basis == COMPARE_BY_VERDICT ? "" : value_cell(i->has_new, i->new, i->unit, b),
	        percent_cell(i, d), interval_cell(i, e), compare_state_name(i->state),
	        confidence_cell(i, f), i->note ? (i->confidence > 0 ? ", " : "") : "",
	        i->note ? i->note : "");
}

static void pair_text(const struct compare_pair *p, struct text *t)
{
	text_printf(t, "\n");
	names_of(p, t);
	text_printf(t, "\n");
	for (uint32_t i = 0; i < p->n_notes; i++)
		text_printf(t, "  %s\n", p->notes[i]);
	if (p->silent) {
		text_printf(t, "  nothing can be said: %s\n", p->silent);
		return;
	}
	if (p->identical)
		text_printf(t, "  identical: the same results to the nanosecond\n");
	if (p->n_items == 0)
		return;
	text_printf(t, "  %-32s %14s %14s %10s  %-24s %s\n", "", "base", "new", "change",
	        "interval of the change", "state, confidence");
	for (uint32_t i = 0; i < p->n_items; i++)
		if (p->items[i].decides)
			table_line(&p->items[i], t);
	beside_text(p, t);
}

static void partners_text(const char *side, const char *const *names, uint32_t n, struct text *t)
{
	for (uint32_t i = 0; i < n; i++)
		text_printf(t, "only in %s: %s\n", side, names[i]);
}

static void rule_text(const struct compare *c, struct text *t)
{
	text_printf(t,
	        "%u questions asked together at %g %%, tolerance %g %%: %u worse, %u better, %u "
	        "tolerated, %u undecided\n",
	        c->family, 100 * c->options.confidence, 100 * c->options.tolerance, c->n_worse,
	        c->n_better, c->n_tolerated, c->n_undecided);
}

static void each_regression(const struct compare *c, const char *mark, struct text *t)
{
	for (uint32_t i = 0; i < c->n_pairs; i++)
		for (uint32_t k = 0; k < c->pairs[i].n_items; k++) {
			const struct compare_item *item = &c->pairs[i].items[k];

			if (!item->decides || item->state != COMPARE_WORSE)
				continue;
			text_printf(t, "%s", mark);
			compare_sentence(&c->pairs[i], item, t);
			text_printf(t, "\n");
		}
}

void compare_text(const struct compare *c, struct text *out)
{
	text_printf(out, "%s  BASE %s  NEW %s\n", verdict_words(c), c->base, c->new);
	rule_text(c, out);
	each_regression(c, "  worse: ", out);
	partners_text("BASE", c->base_only, c->n_base_only, out);
	partners_text("NEW", c->new_only, c->n_new_only, out);
	for (uint32_t i = 0; i < c->n_pairs; i++)
		pair_text(&c->pairs[i], out);
}

/* --- Markdown ------------------------------------------------------------------------ */

/* Names come from files: nothing of them may become a table, a link or a tag. */
static void escaped(struct text *t, const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ')
			text_add(t, " ", 1);
		else if (strchr("\\`*_{}[]<>()#+!|~&", *s))
			text_printf(t, "&#%d;", *s);
		else
			text_add(t, s, 1);
	}
}

static void row(const struct compare_item *i, struct text *t)
{
	char a[CELL], b[CELL], d[CELL], e[CELL], f[CELL];
	bool verdict = i->basis == COMPARE_BY_VERDICT;

	text_printf(t, "| ");
	escaped(t, i->name);
	text_printf(t, " | %s | %s | %s | %s | %s%s%s | %s |\n",
	        verdict ? "" : value_cell(i->has_base, i->base, i->unit, a),
	        verdict ? "" : value_cell(i->has_new, i->new, i->unit, b), percent_cell(i, d),
	        interval_cell(i, e), i->state == COMPARE_WORSE && i->decides ? "**" : "",
	        compare_state_name(i->state), i->state == COMPARE_WORSE && i->decides ? "**" : "",
	        i->note ? i->note : confidence_cell(i, f));
}

static void pair_markdown(const struct compare_pair *p, struct text *t)
{
	struct text heading;

	text_init(&heading, 4096);
	names_of(p, &heading);
	text_printf(t, "\n#### ");
	escaped(t, heading.buf ? heading.buf : "");
	text_free(&heading);
	text_printf(t, "\n\n");
	for (uint32_t i = 0; i < p->n_notes; i++) {
		text_printf(t, "- ");
		escaped(t, p->notes[i]);
		text_printf(t, "\n");
	}
	if (p->silent)
		text_printf(t, "Nothing can be said: %s.\n", p->silent);
	if (p->identical)
		text_printf(t, "Identical: the same results to the nanosecond.\n");
	if (p->silent || p->n_items == 0)
		return;
	text_printf(t, "\n| | base | new | change | interval | state | confidence |\n"
	               "|:--|--:|--:|--:|:-:|:--|:--|\n");
	for (uint32_t i = 0; i < p->n_items; i++)
		if (p->items[i].decides)
			row(&p->items[i], t);
	text_printf(t, "\n");
	beside_text(p, t);
}

void compare_markdown(const struct compare *c, struct text *out)
{
	text_printf(out, "### lpuchaos compare: %s\n\n", verdict_words(c));
	rule_text(c, out);
	text_printf(out, "\n");
	for (uint32_t i = 0; i < c->n_pairs; i++)
		for (uint32_t k = 0; k < c->pairs[i].n_items; k++) {
			const struct compare_item *item = &c->pairs[i].items[k];
			struct text line;

			if (!item->decides || item->state != COMPARE_WORSE)
				continue;
			text_init(&line, 4096);
			compare_sentence(&c->pairs[i], item, &line);
			text_printf(out, "- ");
			escaped(out, line.buf);
			text_printf(out, "\n");
			text_free(&line);
		}
	for (uint32_t i = 0; i < c->n_base_only + c->n_new_only; i++) {
		bool base = i < c->n_base_only;

		text_printf(out, "- only in %s: ", base ? "BASE" : "NEW");
		escaped(out, base ? c->base_only[i] : c->new_only[i - c->n_base_only]);
		text_printf(out, "\n");
	}
	for (uint32_t i = 0; i < c->n_pairs; i++)
		pair_markdown(&c->pairs[i], out);
}
