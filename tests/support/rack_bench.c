#include "tests/support/rack_bench.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/units.h"

static enum status no_file(
        void *ctx, const char *from, const char *path, struct jval *root, struct error *err)
{
	(void)ctx;
	(void)from;
	(void)root;
	return error_set(err, ERR_USAGE, "no file in this test: %s", path);
}

void bench_init(struct bench *b, const char *deployment)
{
	struct error err = ERROR_INIT;
	struct file_loader loader = {.load_json = no_file};
	char line[512];

	memset(b, 0, sizeof(*b));
	arena_init(&b->arena, (size_t)1 << 30);
	if (json_parse("test", deployment, strlen(deployment), &b->doc, &err) ||
	        deployment_parse(json_root(b->doc), &loader, &b->arena, &b->deployment, &err)) {
		error_format(&err, line, sizeof(line));
		fprintf(stderr, "%s\n", line);
		UNREACHABLE("the deployment of a test must parse");
	}
}

void bench_free(struct bench *b)
{
	mem_free(b->answers);
	mem_free(b->moves);
	mem_free(b->token_at);
	mem_free(b->token_wrong);
	json_free(b->doc);
	arena_free(&b->arena);
}

static void on_refused(void *ctx, int64_t due, const struct rack_request *req,
        enum rack_refusal why, int64_t retry_after_s)
{
	struct bench_answer *a = &((struct bench *)ctx)->answers[req->user];

	CHECK(!a->refused && !a->completed);
	a->refused = true;
	a->why = why;
	a->retry_after_s = retry_after_s;
	a->refused_at = due;
}

static void on_completed(void *ctx, int64_t now, const struct rack_completion *done)
{
	struct bench_answer *a = &((struct bench *)ctx)->answers[done->req.user];

	CHECK(!a->refused && !a->completed);
	a->completed = true;
	a->at_ns = now;
	a->done = *done;
}

static void on_reset(void *ctx, int64_t now, const struct rack_completion *left, bool begun)
{
	struct bench_answer *a = &((struct bench *)ctx)->answers[left->req.user];

	CHECK(!a->refused && !a->completed && !a->reset);
	a->reset = true;
	a->begun = begun;
	a->reset_at = now;
	a->done = *left;
}

static void on_gaps(void *ctx, const struct rack_request *req, int64_t gap_ns, int64_t n)
{
	struct bench_answer *a = &((struct bench *)ctx)->answers[req->user];

	a->n_gaps += n;
	a->gap_sum_ns += gap_ns * n;
	if (gap_ns > a->gap_max_ns)
		a->gap_max_ns = gap_ns;
}

static void on_token(
        void *ctx, int64_t due, const struct rack_request *req, int64_t index, bool wrong)
{
	struct bench *b = ctx;

	CHECK(index < b->tokens_max);
	CHECK(b->token_at[(int64_t)req->user * b->tokens_max + index] == 0);
	CHECK(index == 0 || b->token_at[(int64_t)req->user * b->tokens_max + index - 1] > 0);
	CHECK(!b->answers[req->user].completed);
	b->token_at[(int64_t)req->user * b->tokens_max + index] = due;
	b->token_wrong[(int64_t)req->user * b->tokens_max + index] = wrong;
}

static void on_phase(void *ctx, uint32_t fault, enum fault_phase phase, int64_t at_ns)
{
	((struct bench *)ctx)->phase[fault][phase] = at_ns;
}

static void on_moved(void *ctx, const struct wire_message *m)
{
	struct bench *b = ctx;

	CHECK(!b->n_moves || b->moves[b->n_moves - 1].sent_ns <= m->sent_ns);
	b->moves = mem_room(b->moves, b->n_moves, &b->moves_capacity, sizeof(*b->moves));
	b->moves[b->n_moves++] = *m;
}

void bench_play(struct bench *b, const struct bench_request *req, uint32_t n,
        const struct bench_event *events, uint32_t n_events, int64_t until)
{
	static const char *const tenants[] = {"a", "b"}, *const tiers[] = {"interactive", "batch"};
	struct rack_config config = {.deployment = &b->deployment,
	        .seed = 42,
	        .tenants = tenants,
	        .n_tenants = 2,
	        .tiers = tiers,
	        .n_tiers = 2,
	        .n_faults = BENCH_FAULTS,
	        .emit_tokens = b->tokens_max > 0,
	        .emit_gaps = b->tokens_max == 0,
	        .mirror_every = b->mirror_every,
	        .listener = {.ctx = b,
	                .moved = on_moved,
	                .refused = on_refused,
	                .completed = on_completed,
	                .reset = on_reset,
	                .gaps = on_gaps,
	                .token = on_token,
	                .phase = on_phase}};
	struct fault_sink sink;
	uint32_t i = 0, e = 0;

	memset(b->phase, 0xff, sizeof(b->phase));
	b->n_moves = 0;
	mem_free(b->answers);
	mem_free(b->token_at);
	mem_free(b->token_wrong);
	b->answers = mem_alloc(n + 1, sizeof(*b->answers));
	b->token_at = mem_alloc((size_t)(n * b->tokens_max) + 1, sizeof(*b->token_at));
	b->token_wrong = mem_alloc((size_t)(n * b->tokens_max) + 1, sizeof(*b->token_wrong));
	b->rack = rack_create(&config);
	sink = rack_sink(b->rack);
	rack_static_digest(b->rack, b->digest_before);
	for (;;) {
		int64_t at = rack_next_at(b->rack);

		if (i < n && req[i].at_ns < at)
			at = req[i].at_ns;
		if (e < n_events && events[e].at_ns < at)
			at = events[e].at_ns;
		if (at > until || at == NS_NEVER)
			break;
		b->ended_ns = at;
		for (; e < n_events && events[e].at_ns == at; e++)
			events[e].fire(&sink, at, events[e].ctx);
		if (rack_next_at(b->rack) <= at)
			rack_step(b->rack, at);
		for (; i < n && req[i].at_ns == at; i++)
			(void)rack_submit(b->rack, at,
			        &(struct rack_request){.id = i + 1,
			                .user = i,
			                .tenant = req[i].tenant,
			                .tier = req[i].tier,
			                .prompt_tokens = req[i].prompt,
			                .output_tokens = req[i].output,
			                .max_tokens = req[i].max ? req[i].max : req[i].output});
		if (rack_next_at(b->rack) <= at)
			rack_dispatch(b->rack, at);
	}
	rack_static_digest(b->rack, b->digest_after);
	b->counts = rack_counts(b->rack);
	b->worst = rack_path_worst(b->rack);
	rack_free(b->rack);
	b->rack = NULL;
}
