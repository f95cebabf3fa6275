#include "harness/run/claims.h"

#include <string.h>
#include "harness/run/edit.h"
#include "harness/run/plan.h"

static const char *const labels[] = {[TRUTH_FACT] = "fact",
        [TRUTH_INFERENCE] = "inference",
        [TRUTH_ASSUMPTION] = "assumption",
        NULL};

struct raw_claim {
	const char *id, *section, *text, *source;
	int label;
	struct jval harm, remedy, sweep;
};

static const struct field claim_fields[] = {
        {.name = "id",
                .type = FIELD_NAME,
                .offset = offsetof(struct raw_claim, id),
                .flags = FIELD_REQUIRED,
                .help = "unique among the claims"},
        {.name = "section",
                .type = FIELD_NAME,
                .offset = offsetof(struct raw_claim, section),
                .flags = FIELD_REQUIRED,
                .help = "where the claim stands in the review"},
        {.name = "claim",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_claim, text),
                .flags = FIELD_REQUIRED,
                .help = "the sentence that is put to the test"},
        {.name = "label",
                .type = FIELD_ENUM,
                .offset = offsetof(struct raw_claim, label),
                .flags = FIELD_REQUIRED,
                .choices = labels,
                .help = "truth label of the sentence"},
        {.name = "source",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_claim, source),
                .help = "where it comes from; a fact must have one"},
        {.name = "harm",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_claim, harm),
                .flags = FIELD_REQUIRED,
                .help = "scenarios that show what goes wrong"},
        {.name = "remedy",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_claim, remedy),
                .flags = FIELD_REQUIRED,
                .help = "scenarios that show what puts it right"},
        {.name = "sweep",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct raw_claim, sweep),
                .help = "paths to sweep beside the labelled parameters"},
};

struct raw_sweep {
	const char *path, *source;
	struct jval from, to;
};

static const struct field sweep_fields[] = {
        {.name = "path",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_sweep, path),
                .flags = FIELD_REQUIRED,
                .help = "as --set takes it"},
        {.name = "from",
                .type = FIELD_VALUE,
                .offset = offsetof(struct raw_sweep, from),
                .flags = FIELD_REQUIRED,
                .help = "lower end of the search"},
        {.name = "to",
                .type = FIELD_VALUE,
                .offset = offsetof(struct raw_sweep, to),
                .flags = FIELD_REQUIRED,
                .help = "upper end of the search"},
        {.name = "source",
                .type = FIELD_STRING,
                .offset = offsetof(struct raw_sweep, source),
                .help = "where the value comes from"},
};

static uint32_t find_scenario(
        const struct scenario_list *list, const struct suite *suite, const char *name)
{
	for (uint32_t i = suite->first; i < suite->first + suite->n; i++)
		if (strcmp(list->items[i]->name, name) == 0)
			return i;
	return UINT32_MAX;
}

enum status claims_names(struct jval v, const struct scenario_list *list, struct suite *suite,
        uint32_t **out, uint32_t *n, struct error *err)
{
	*n = 0;
	*out = ARENA_ARRAY(&suite->arena, uint32_t, json_count(v) + 1);
	for (struct jval e = json_first(v); json_type(e) != JSON_NONE; e = json_next(e)) {
		const char *name = json_string(e);
		uint32_t index = name ? find_scenario(list, suite, name) : UINT32_MAX;

		if (index == UINT32_MAX)
			return json_expected(e, err, "the name of a scenario of the suite");
		for (uint32_t i = 0; i < *n; i++)
			if ((*out)[i] == index)
				return json_error(e, err,
				        "expected each scenario once, found '%s' again", name);
		(*out)[(*n)++] = index;
	}
	return ERR_NONE;
}

/* Two scenarios may be compared when every request of one is planned in the other. */
static enum status check_pair(
        struct jval v, const struct scenario_list *list, const struct claim *c, struct error *err)
{
	const struct scenario *first = list->items[c->scenarios[0]];
	struct plan_traffic *traffic = mem_alloc(2, sizeof(*traffic));
	enum status rc = plan_traffic(first, &traffic[0], err);

	for (uint32_t i = 1; !rc && i < c->n; i++) {
		const struct scenario *s = list->items[c->scenarios[i]];

		if (s->seed != first->seed) {
			rc = json_error(v, err,
			        "expected one seed for all of its scenarios, found another in '%s'",
			        s->name);
			break;
		}
		rc = plan_traffic(s, &traffic[1], err);
		if (!rc && memcmp(traffic[0].digest, traffic[1].digest, DIGEST_BYTES) != 0)
			rc = json_error(v, err,
			        "expected the same traffic in all of its scenarios, found other "
			        "requests in '%s'",
			        s->name);
	}
	mem_free(traffic);
	return rc;
}

static enum status parse_scenarios(struct jval v, const struct raw_claim *raw,
        const struct scenario_list *list, struct suite *suite, struct claim *c, struct error *err)
{
	uint32_t *harm, *remedy, n_remedy;

	if (claims_names(raw->harm, list, suite, &harm, &c->n_harm, err) ||
	        claims_names(raw->remedy, list, suite, &remedy, &n_remedy, err))
		return err->code;
	if (c->n_harm == 0)
		return json_expected(raw->harm, err, "at least one scenario");
	if (n_remedy == 0)
		return json_expected(raw->remedy, err, "at least one scenario");
	c->n = c->n_harm + n_remedy;
	if (c->n > CLAIM_SCENARIOS_MAX)
		return json_expected(v, err, "at most %d scenarios", CLAIM_SCENARIOS_MAX);
	c->scenarios = ARENA_ARRAY(&suite->arena, uint32_t, c->n);
	memcpy(c->scenarios, harm, c->n_harm * sizeof(*harm));
	memcpy(c->scenarios + c->n_harm, remedy, n_remedy * sizeof(*remedy));
	return check_pair(v, list, c, err);
}

static bool path_known(const struct scenario_list *list, const struct claim *c, const char *path)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct scenario *s = list->items[c->scenarios[i]];

		if (json_type(edit_find(s->document, path, s->files)) != JSON_NONE)
			return true;
	}
	return false;
}

static enum status parse_sweeps(struct jval v, const struct scenario_list *list,
        struct suite *suite, struct claim *c, struct error *err)
{
	if (json_count(v) > CLAIM_SWEEPS_MAX)
		return json_expected(v, err, "at most %d sweeps", CLAIM_SWEEPS_MAX);
	c->sweeps = ARENA_ARRAY(&suite->arena, struct claim_sweep, json_count(v) + 1);
	for (struct jval e = json_first(v); json_type(e) != JSON_NONE; e = json_next(e)) {
		struct raw_sweep raw;

		if (json_read(e, sweep_fields, ARRAY_LEN(sweep_fields), &raw, err))
			return err->code;
		if (!path_known(list, c, raw.path))
			return json_expected(json_get(e, "path"), err,
			        "a path that leads to a value in a scenario of the claim");
		if (json_type(raw.from) != json_type(raw.to) ||
		        (json_type(raw.from) != JSON_NUMBER && json_type(raw.from) != JSON_STRING))
			return json_expected(raw.to, err, "two numbers or two durations");
		c->sweeps[c->n_sweeps++] =
		        (struct claim_sweep){raw.path, raw.from, raw.to, raw.source};
	}
	return ERR_NONE;
}

static enum status parse_claim(
        struct jval v, const struct scenario_list *list, struct suite *suite, struct error *err)
{
	struct claim *c = &suite->claims[suite->n_claims];
	struct raw_claim raw;

	if (json_type(v) != JSON_OBJECT)
		return json_expected(v, err, "a claim, an object");
	if (json_read(v, claim_fields, ARRAY_LEN(claim_fields), &raw, err))
		return err->code;
	for (uint32_t i = 0; i < suite->n_claims; i++)
		if (strcmp(suite->claims[i].id, raw.id) == 0)
			return json_error(json_get(v, "id"), err,
			        "expected an id used once, found '%s' again", raw.id);
	if (raw.label == TRUTH_FACT && !raw.source)
		return json_error(v, err, "expected a source for a fact, found none");
	*c = (struct claim){.id = raw.id,
	        .section = raw.section,
	        .text = raw.text,
	        .source = raw.source,
	        .label = raw.label};
	suite->n_claims++;
	if (parse_scenarios(v, &raw, list, suite, c, err))
		return err->code;
	return parse_sweeps(raw.sweep, list, suite, c, err);
}

enum status claims_parse(
        struct jval v, const struct scenario_list *list, struct suite *suite, struct error *err)
{
	if (json_count(v) > CLAIMS_MAX)
		return json_expected(v, err, "at most %d claims", CLAIMS_MAX);
	suite->claims = ARENA_ARRAY(&suite->arena, struct claim, json_count(v) + 1);
	for (struct jval e = json_first(v); json_type(e) != JSON_NONE; e = json_next(e))
		if (parse_claim(e, list, suite, err))
			return err->code;
	return ERR_NONE;
}

void suite_free(struct suite *suite)
{
	if (!suite)
		return;
	json_free(suite->document);
	arena_free(&suite->arena);
	mem_free(suite);
}
