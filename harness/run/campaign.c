/* `campaign`: from options to a finished directory. All input is read and checked before the first
 * cell; from then on there is a directory that can be gone on with. */
#include "harness/run/campaign.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"
#include "harness/run/campaign_follow.h"
#include "harness/run/campaign_pool.h"
#include "harness/run/campaign_progress.h"
#include "harness/run/campaign_report.h"
#include "harness/run/campaign_run.h"
#include "harness/run/drive_virtual.h"
#include "harness/run/interrupt.h"
#include "harness/run/record.h"
#include "harness/run/shell_word.h"

enum { COMMAND_BYTES = 4096, ERROR_LINE_BYTES = 1200 };

struct session {
	const struct campaign_options *options;
	struct ranks ranks;
	struct campaign c;
	struct scenario_list list; /* of a new campaign */
	struct scenario *resumed;  /* of one that goes on */
	char dir[PATH_MAX];
	char again[COMMAND_BYTES], resume[COMMAND_BYTES];
	const volatile sig_atomic_t *interrupt;
	uint64_t next;
	struct campaign_progress progress;
};

static int report_error(const struct error *err)
{
	char line[ERROR_LINE_BYTES];

	(void)error_format(err, line, sizeof(line));
	(void)fprintf(stderr, "%s\n", line);
	return (int)err->code;
}

/* --- options ------------------------------------------------------------------------- */

static bool digits(const char *text, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	if (n == 0 || n > 18)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*out = v;
	return true;
}

/* Two numbers with `between` in the middle. */
static bool pair(const char *text, const char *between, uint64_t *a, uint64_t *b)
{
	const char *at = strstr(text, between);
	size_t n = strlen(between);

	return at && digits(text, (size_t)(at - text), a) && digits(at + n, strlen(at + n), b);
}

static enum status duration(
        const char *name, const char *text, bool *has, int64_t *ns, struct error *err)
{
	*has = text != NULL;
	if (text && !units_parse_duration(text, strlen(text), ns))
		return error_set(err, ERR_USAGE,
		        "option --%s: expected a duration such as 20s, found '%s'", name, text);
	return ERR_NONE;
}

static enum status read_request(
        const struct campaign_options *o, struct campaign_request *r, struct error *err)
{
	int modes = o->has_contingency + (o->seeds != NULL) + (o->swarm > 0);

	if (modes != 1)
		return error_set(err, ERR_USAGE,
		        "expected exactly one of --contingency, --seeds and --swarm, found %s",
		        modes ? "more" : "none");
	*r = (struct campaign_request){.by_contingency = o->has_contingency,
	        .by_seeds = o->seeds != NULL,
	        .contingency = o->contingency,
	        .all = o->all,
	        .swarm = (uint64_t)o->swarm};
	if (!o->has_contingency && (o->at || o->spacing || o->all))
		return error_set(err, ERR_USAGE, "option --%s goes with --contingency only",
		        o->at        ? "at"
		        : o->spacing ? "spacing"
		                     : "all");
	if (o->seeds && o->scenario.has_seed)
		return error_set(err, ERR_USAGE, "expected --seeds or --seed, found both");
	if (o->seeds && (!pair(o->seeds, "..", &r->seed_first, &r->seed_last) ||
	                        r->seed_first > r->seed_last))
		return error_set(err, ERR_USAGE,
		        "option --seeds: expected two seeds in ascending order, A..B, found '%s'",
		        o->seeds);
	if (duration("at", o->at, &r->has_at, &r->at_ns, err))
		return err->code;
	return duration("spacing", o->spacing, &r->has_spacing, &r->spacing_ns, err);
}

static enum status read_shard(const char *text, struct campaign_manifest *m, struct error *err)
{
	m->shard = m->shards = 1;
	if (text &&
	        (!pair(text, "/", &m->shard, &m->shards) || m->shard < 1 || m->shard > m->shards))
		return error_set(err, ERR_USAGE,
		        "option --shard: expected i/n with i from 1 to n, found '%s'", text);
	return ERR_NONE;
}

/* A campaign that goes on is the one that was begun. */
static enum status check_resume(const struct campaign_options *o, struct error *err)
{
	const struct {
		const char *name;
		bool given;
	} fixed[] = {
	        {"contingency", o->has_contingency},
	        {"seeds", o->seeds != NULL},
	        {"swarm", o->swarm > 0},
	        {"at", o->at != NULL},
	        {"spacing", o->spacing != NULL},
	        {"all", o->all},
	        {"shard", o->shard != NULL},
	        {"out", o->out_dir != NULL},
	        {"set", o->scenario.n_set > 0},
	        {"seed", o->scenario.has_seed},
	};

	if (o->n_files > 0)
		return error_set(err, ERR_USAGE,
		        "expected no FILE beside --resume, whose directory holds the scenario, "
		        "found '%s'",
		        o->files[0]);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (fixed[i].given)
			return error_set(err, ERR_USAGE,
			        "option --%s cannot be given with --resume: the campaign goes on "
			        "as it was begun",
			        fixed[i].name);
	return ERR_NONE;
}

/* --- a new campaign ------------------------------------------------------------------ */

static enum status check_scenario(
        const struct scenario_list *list, const char *file, struct error *err)
{
	const struct scenario *s = list->items[0];
	struct jval root = json_root(s->document);

	if (list->n != 1)
		return error_set(err, ERR_USAGE,
		        "%s: expected one scenario, found a suite of %" PRIu32, file, list->n);
	if (!s->has_deployment)
		return json_expected(json_get(root, "target"), err,
		        "a deployment: campaigns are played on the virtual clock, which cannot ask "
		        "a URL");
	for (uint32_t t = 0; t < s->traffic.n_tenants; t++)
		if (s->traffic.tenants[t].from_trace)
			return json_expected(json_get(root, "traffic"), err,
			        "arrivals by a law: the cells of a campaign read no traces");
	return ERR_NONE;
}

static void option(struct session *s, size_t *at, const char *name, const char *value)
{
	char word[COMMAND_BYTES];

	if (!value)
		return;
	(void)snprintf(word, sizeof(word), "--%s=%s", name, value);
	*at = shell_word(s->again, sizeof(s->again), *at, word);
}

static void write_commands(struct session *s)
{
	const struct campaign_options *o = s->options;
	const struct campaign_request *r = &s->c.manifest.request;
	char number[32];
	size_t at = (size_t)snprintf(s->resume, sizeof(s->resume), "lpuchaos campaign --resume");

	(void)shell_word(s->resume, sizeof(s->resume), at, s->dir);
	if (o->resume) {
		memcpy(s->again, s->resume, sizeof(s->again));
		return;
	}
	at = (size_t)snprintf(s->again, sizeof(s->again), "lpuchaos campaign");
	at = shell_word(s->again, sizeof(s->again), at, o->files[0]);
	(void)snprintf(number, sizeof(number), "%" PRIu64, r->swarm);
	option(s, &at, "contingency", r->by_contingency ? campaign_mode_name(r) : NULL);
	option(s, &at, "seeds", o->seeds);
	option(s, &at, "swarm", r->swarm ? number : NULL);
	option(s, &at, "at", o->at);
	option(s, &at, "spacing", o->spacing);
	if (r->all)
		at = shell_word(s->again, sizeof(s->again), at, "--all");
	option(s, &at, "shard", o->shard);
	(void)snprintf(number, sizeof(number), "%" PRIu64, s->c.scenario->seed);
	option(s, &at, "seed", r->by_seeds ? NULL : number);
	for (uint32_t i = 0; i < o->scenario.n_set; i++)
		option(s, &at, "set", o->scenario.set[i]);
}

static enum status name_dir(struct session *s, struct error *err)
{
	const struct campaign_manifest *m = &s->c.manifest;
	const char *out = s->options->out_dir ? s->options->out_dir : "out";
	char shard[64] = "";
	int n;

	if (m->shards > 1)
		(void)snprintf(
		        shard, sizeof(shard), "-%" PRIu64 "-of-%" PRIu64, m->shard, m->shards);
	n = snprintf(s->dir, sizeof(s->dir), "%s/%s-%s%s", out, m->scenario,
	        campaign_mode_name(&m->request), shard);
	if (n < 0 || (size_t)n >= sizeof(s->dir))
		return error_set(
		        err, ERR_USAGE, "--out: expected a shorter path, found %d bytes", n);
	return ERR_NONE;
}

static bool is_same(const struct session *s, const struct campaign_manifest *there)
{
	struct error ignored = ERROR_INIT;

	return there->shard == s->c.manifest.shard && there->shards == s->c.manifest.shards &&
	       campaign_same_plan(there, s->dir, &s->c.manifest, s->dir, &ignored) == ERR_NONE;
}

/* What was played and is not finished is not thrown away by a second start: the same campaign goes
 * on, of another one the user decides. What another process plays is left alone. */
static enum status look_for_unfinished(const struct session *s, bool *goes_on, struct error *err)
{
	struct campaign_manifest there;
	struct campaign_cells cells;
	struct error ignored = ERROR_INIT;
	char *bundle = NULL;
	size_t n;
	uint64_t missing;
	enum status st = ERR_NONE;

	*goes_on = false;
	if (campaign_dir_open(s->dir, &there, &bundle, &n, &ignored) == ERR_NONE) {
		st = campaign_cells_open(&cells, s->dir, there.n_cells, true, err);
		missing = campaign_share(&there) - cells.n_there;
		if (!st && cells.n_there > 0 && missing > 0) {
			*goes_on = is_same(s, &there);
			if (!*goes_on)
				st = error_set(err, ERR_USAGE,
				        "%s holds an unfinished campaign of another plan, %" PRIu64
				        " of %" PRIu64
				        " cells are missing: go on with '%s', remove it, or name "
				        "another --out",
				        s->dir, missing, campaign_share(&there), s->resume);
		}
		campaign_cells_close(&cells);
	}
	mem_free(bundle);
	return st;
}

static enum status make_dir(struct session *s, struct error *err)
{
	bool goes_on;
	size_t n;
	char *bundle;
	enum status st;

	if (record_folder(s->dir, err) || look_for_unfinished(s, &goes_on, err))
		return err->code;
	if (goes_on) {
		(void)fprintf(stderr, "%s holds this campaign, unfinished: it goes on\n", s->dir);
		return ERR_NONE;
	}
	bundle = scenario_bundle(s->c.scenario, &n);
	st = campaign_dir_create(s->dir, &s->c.manifest, bundle, n, err);
	mem_free(bundle);
	return st;
}

static enum status begin(struct session *s, struct error *err)
{
	const struct campaign_options *o = s->options;
	struct campaign_manifest *m = &s->c.manifest;

	if (o->n_files != 1)
		return error_set(err, ERR_USAGE, "expected FILE or --resume DIR, found neither");
	if (read_request(o, &m->request, err) || read_shard(o->shard, m, err) ||
	        scenario_load(o->files[0], &o->scenario, &s->list, err) ||
	        check_scenario(&s->list, o->files[0], err))
		return err->code;
	s->c.scenario = s->list.items[0];
	m->model_version = MODEL_VERSION;
	(void)snprintf(m->scenario, sizeof(m->scenario), "%s", s->c.scenario->name);
	(void)digest_text(s->c.scenario->plan_digest, m->plan_digest);
	if (name_dir(s, err) || campaign_open_mode(&s->c, err))
		return err->code;
	if (m->shards > m->n_cells)
		return error_set(err, ERR_USAGE,
		        "option --shard: expected at most as many shards as cells, %" PRIu64
		        ", found %" PRIu64,
		        m->n_cells, m->shards);
	write_commands(s);
	return make_dir(s, err);
}

/* --- one that goes on ---------------------------------------------------------------- */

static enum status go_on(struct session *s, struct error *err)
{
	char *bundle = NULL;
	size_t n = 0;
	enum status st = check_resume(s->options, err);

	if (st)
		return st;
	if ((size_t)snprintf(s->dir, sizeof(s->dir), "%s", s->options->resume) >= sizeof(s->dir))
		return error_set(err, ERR_USAGE, "--resume: expected a shorter path");
	st = campaign_dir_open(s->dir, &s->c.manifest, &bundle, &n, err);
	if (!st)
		st = campaign_scenario(s->dir, &s->c.manifest, bundle, n, &s->resumed, err);
	mem_free(bundle);
	if (st)
		return st;
	s->c.scenario = s->resumed;
	write_commands(s);
	return campaign_open_mode(&s->c, err);
}

/* --- playing ------------------------------------------------------------------------- */

static bool next_cell(void *ctx, uint64_t *index)
{
	struct session *s = ctx;
	const struct campaign_cells *cells = &s->c.cells;

	while (s->next < cells->n_cells && cells->lines[s->next].n)
		s->next += s->c.manifest.shards;
	if (s->next >= cells->n_cells)
		return false;
	*index = s->next;
	s->next += s->c.manifest.shards;
	return true;
}

static enum status cell_done(void *ctx, uint64_t index, const char *line, size_t n,
        const struct campaign_brief *brief, struct error *err)
{
	struct session *s = ctx;

	if (campaign_cells_add(&s->c.cells, index, line, n, err))
		return err->code;
	if (s->options->json) {
		(void)fwrite(line, 1, n, stdout);
		(void)putchar('\n');
		(void)fflush(stdout);
	}
	campaign_progress_cell(&s->progress, brief);
	return ERR_NONE;
}

static void serve(void *ctx, struct campaign_pool *pool)
{
	struct session *s = ctx;

	ranks_serve(&s->ranks, pool, s->interrupt);
}

/* mpirun starts a rank for each processor. */
static uint32_t jobs_of(const struct campaign_options *o, const struct ranks *ranks)
{
	if (o->jobs > 0)
		return (uint32_t)o->jobs;
	return ranks->size > 1 ? 1 : campaign_pool_jobs(CAMPAIGN_JOBS_MAX);
}

static void print_begin(const struct session *s, uint64_t share, uint64_t left, uint32_t jobs)
{
	const struct campaign_manifest *m = &s->c.manifest;

	if (s->c.cells.dropped)
		(void)fprintf(stderr, "the last line of cells.jsonl was cut short: dropped\n");
	(void)fprintf(stderr,
	        "%s, %s: %" PRIu64 " cells%s, %" PRIu64 " to play, %" PRIu32 " at once",
	        m->scenario, campaign_mode_name(&m->request), share,
	        m->shards > 1 ? " of this shard" : "", left, jobs);
	(void)fprintf(stderr, s->ranks.size > 1 ? " on each of %d ranks\n" : "\n", s->ranks.size);
}

static enum status play(struct session *s, struct error *err)
{
	uint64_t share = campaign_share(&s->c.manifest), left = share - s->c.cells.n_there;
	struct campaign_work work = {.mode = s->c.mode,
	        .state = s->c.state,
	        .interrupt = s->interrupt,
	        .jobs = jobs_of(s->options, &s->ranks),
	        .next = next_cell,
	        .done = cell_done,
	        .ctx = s,
	        .meanwhile = s->ranks.size > 1 ? serve : NULL,
	        .cells = left};
	enum status st;

	if (work.jobs > left)
		work.jobs = left ? (uint32_t)left : 1;
	print_begin(s, share, left, work.jobs);
	s->next = s->c.manifest.shard - 1;
	campaign_progress_begin(&s->progress, s->c.cells.n_there, share);
	st = campaign_pool_run(&work, err);
	campaign_progress_end(&s->progress);
	return st;
}

/* Cells of a file that are not this shard's would be counted as its own. */
static enum status check_shard(const struct campaign *c, struct error *err)
{
	for (uint64_t i = 0; i < c->cells.n_cells; i++)
		if (c->cells.lines[i].n && i % c->manifest.shards != c->manifest.shard - 1)
			return error_set(err, ERR_USAGE,
			        "%s: expected the cells of shard %" PRIu64 "/%" PRIu64
			        ", found cell %" PRIu64,
			        c->dir, c->manifest.shard, c->manifest.shards, i);
	return ERR_NONE;
}

static enum status conclude(struct session *s, int *code, struct error *err)
{
	struct campaign *c = &s->c;
	bool complete = c->cells.n_there == campaign_share(&c->manifest);
	enum verdict verdict;

	if ((complete && campaign_cells_sort(&c->cells, s->dir, err)) ||
	        campaign_conclude(c, s->options->json, &verdict, err))
		return err->code;
	(void)fprintf(stderr, "verdict: %s, %s/campaign.json\n", verdict_name(verdict), s->dir);
	*code = campaign_exit_code(verdict);
	if (complete) {
		(void)fprintf(stderr, "replay: %s\n", s->again);
		return ERR_NONE;
	}
	if (*s->interrupt)
		*code = 128 + (int)*s->interrupt;
	(void)fprintf(stderr, "%s; go on with: %s\n",
	        *s->interrupt ? "interrupted" : "a rank was lost", s->resume);
	return ERR_NONE;
}

static enum status play_and_conclude(struct session *s, int *code, struct error *err)
{
	(void)fprintf(stderr, "replay: %s\n", s->again);
	if (play(s, err)) {
		(void)fprintf(stderr, "once that is mended, go on with: %s\n", s->resume);
		return err->code;
	}
	return conclude(s, code, err);
}

/* Everything that can be wrong before the first cell. */
static enum status prepare(struct session *s, struct error *err)
{
	struct campaign *c = &s->c;

	if (s->options->resume ? go_on(s, err) : begin(s, err))
		return err->code;
	if (campaign_cells_open(&c->cells, s->dir, c->manifest.n_cells, true, err))
		return err->code;
	return check_shard(c, err);
}

/* Alone, or as rank 0. */
static int lead(struct session *s)
{
	struct error err = ERROR_INIT, untold = ERROR_INIT;
	int code = 0;
	enum status st = prepare(s, &err);

	s->interrupt = interrupt_catch();
	if (st)
		(void)!campaign_lead(&s->ranks, NULL, &untold);
	else
		st = campaign_lead(&s->ranks, &s->c, &err);
	if (!st)
		st = play_and_conclude(s, &code, &err);
	if (st)
		code = report_error(&err);
	campaign_cells_close(&s->c.cells);
	if (s->c.state)
		s->c.mode->close(s->c.state);
	scenario_list_free(&s->list);
	scenario_free(s->resumed);
	return code;
}

int execute_campaign(const struct campaign_options *options)
{
	struct session *s = mem_alloc(1, sizeof(*s));
	struct error err = ERROR_INIT;
	int code = 0;

	s->options = options;
	s->c.dir = s->dir;
	s->c.cells.fd = -1;
	if (ranks_begin(&s->ranks, &err))
		code = report_error(&err);
	else if (s->ranks.rank == 0)
		code = lead(s);
	else
		campaign_follow(&s->ranks, jobs_of(options, &s->ranks));
	if (!err.code)
		ranks_end(&s->ranks, s->interrupt && *s->interrupt, code);
	mem_free(s);
	return code;
}
