/* Messages that an Ethernet link loses, in netem's words: loss P% [CORR%] or gemodel P [R [1-H
 * [1-K]]]. Both are one chain of two states: with a correlation C the chain goes to the losing
 * state with P (1 − C) and leaves it with (1 − P)(1 − C), so that P of the messages are lost
 * whatever C is (netem's own correlated loss gives fewer). */
#include "faults/kinds.h"

#include <stdio.h>

enum loss_model { LOSS_RANDOM, LOSS_GEMODEL };

struct ethernet_loss {
	int model; /* enum loss_model */
	double loss, correlation, p, r, loss_bad, loss_good;
};

static const char *const MODELS[] = {"random", "gemodel", NULL};

#define KEY(key, member, kind, ...)                                                                \
	{                                                                                          \
		.name = key, .type = kind, .offset = offsetof(struct ethernet_loss, member),       \
		.label = "assumption", __VA_ARGS__                                                 \
	}

static const struct field FIELDS[] = {
        KEY("model", model, FIELD_ENUM, .fallback = "\"random\"", .choices = MODELS,
                .help = "random: by loss and correlation; gemodel: Gilbert-Elliott, by p, r, "
                        "loss_bad and loss_good",
                .source = "netem has both"),
        KEY("loss", loss, FIELD_PERCENT, .fallback = "\"1%\"", .unit = "share",
                .help = "random: messages that are lost",
                .source = "a congested datacentre path; sweep it"),
        KEY("correlation", correlation, FIELD_PERCENT, .fallback = "\"25%\"", .unit = "share",
                .help = "random: how much a loss depends on the one before; below 100%",
                .source = "the value that netem's manual uses in its examples"),
        KEY("p", p, FIELD_PERCENT, .fallback = "\"0.5%\"", .unit = "share",
                .help = "gemodel: from the good state to the bad one, per message",
                .source = "bursts of five messages, 2.4 % in all; sweep it"),
        KEY("r", r, FIELD_PERCENT, .fallback = "\"20%\"", .unit = "share",
                .help = "gemodel: back to the good state, per message; the mean burst is 1/r",
                .source = "bursts of five messages, 2.4 % in all; sweep it"),
        KEY("loss_bad", loss_bad, FIELD_PERCENT, .fallback = "\"100%\"", .unit = "share",
                .help = "gemodel: messages lost in the bad state (netem's 1-h)",
                .source = "netem's default"),
        KEY("loss_good", loss_good, FIELD_PERCENT, .fallback = "\"0%\"", .unit = "share",
                .help = "gemodel: messages lost in the good state (netem's 1-k)",
                .source = "netem's default"),
};

static struct ether_loss law(const struct ethernet_loss *p)
{
	double fresh = 1 - p->correlation;

	if (p->model == LOSS_GEMODEL)
		return (struct ether_loss){fault_ppb(p->p), fault_ppb(p->r),
		        fault_ppb(p->loss_good), fault_ppb(p->loss_bad)};
	return (struct ether_loss){.p = fault_ppb(p->loss * fresh),
	        .r = fault_ppb((1 - p->loss) * fresh),
	        .loss_bad = ETHER_PPB};
}

static enum status validate(struct jval v, const struct target_resolver *resolver,
        struct arena *arena, void *params, struct error *err)
{
	const struct ethernet_loss *p = params;

	(void)resolver;
	(void)arena;
	if (p->model == LOSS_RANDOM && p->correlation >= 1)
		return json_expected(json_get(v, "correlation"), err,
		        "a share below 100%%: each loss would be that of the message before");
	if (p->model == LOSS_GEMODEL && p->p + p->r <= 0)
		return json_expected(json_get(v, json_type(json_get(v, "r")) ? "r" : "p"), err,
		        "p or r above 0%%: the state would never change");
	return ERR_NONE;
}

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct ether_delay d = {.loss = law(m->params)};

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->ether_delay(sink->ctx, now, m->fault, m->targets[i], &d);
	m->holding = true;
}

static void note(const void *params, char *buf, size_t n)
{
	const struct ether_loss l = law(params);
	double p = l.p, r = l.r, share = 0;

	if (p + r > 0)
		share = (p * l.loss_bad + r * l.loss_good) / (p + r) / ETHER_PPB;
	if (r > 0)
		(void)snprintf(buf, n, "%.3g %% of the messages lost, in bursts of %.3g on average",
		        share * 100, ETHER_PPB / r);
	else
		(void)snprintf(buf, n, "%.3g %% of the messages lost", share * 100);
}

const struct fault_kind fault_ethernet_loss = {
        .name = "ethernet.loss",
        .help = "messages on an Ethernet link are lost and sent again",
        .effect = "A message on a stream (a request or a token) is late, not gone: by the "
                  "deployment's ethernet.rto_min, doubled with each repeat that is lost too, or, "
                  "where three later tokens follow soon, by the time until the third is sent "
                  "and one round trip; later tokens wait behind it. On a link between racks a "
                  "frame waits for the time-out of each lost message of its hops.",
        .detection = "not detected: the transport repairs it",
        .revert_text = "the link loses nothing any more; what was sent before still arrives late",
        .targets = FAULT_TARGET_ETHERNET,
        .default_target = "eth.ingress",
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .exclusive = "ethernet.loss",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct ethernet_loss),
        .validate = validate,
        .note = note,
        .example = "{\"id\": \"loss\", \"kind\": \"ethernet.loss\", \"target\": \"eth.ingress\", "
                   "\"at\": \"20s\", \"for\": \"20s\", \"loss\": \"1%\", \"correlation\": \"25%\"}",
        .inject = inject,
        .revert = fault_ether_delay_end,
};
