/* A chip that computes wrongly now and then and does not know it. Nothing fails: some tokens are
 * others than they should be. */
#include "faults/kinds.h"

struct chip_sdc {
	double rate;
};

static const struct field FIELDS[] = {
        {.name = "rate",
                .type = FIELD_PERCENT,
                .offset = offsetof(struct chip_sdc, rate),
                .fallback = "0.001",
                .unit = "share",
                .help = "share of the tokens of the instances that use the chip that come out "
                        "wrong, in parts per 10^9",
                .label = "assumption",
                .source = "found once in 3.5 million chip hours (Llama 3, 6 events); no rate per "
                          "token is published, this one shows the effect within a short run"},
};

static void set(struct fault_machine *m, int64_t now, const struct fault_sink *sink, uint32_t ppb)
{
	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->sdc(sink->ctx, now, m->fault, m->targets[i], ppb);
	m->holding = ppb > 0;
}

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct chip_sdc *p = m->params;

	set(m, now, sink, fault_ppb(p->rate));
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	set(m, now, sink, 0);
}

const struct fault_kind fault_chip_sdc = {
        .name = "chip.sdc",
        .help = "a chip corrupts data silently: some tokens are wrong",
        .effect = "Tokens of the instances that use the chip come out as others, each with the "
                  "chance `rate`; which ones follows from seed, fault, request and index of the "
                  "token alone. A request with a wrong token is corrupt and the run a fail, "
                  "whatever its latencies. With health.checksum the frame is flagged before the "
                  "token leaves the rack and replayed: the token is right, one frame late, and the "
                  "last suspicion of the window evicts the node.",
        .detection = "with health.checksum flagged in the frame of the token; else nothing in the "
                     "machine finds it, only the client that recomputes the text",
        .revert_text = "the chip computes rightly; suspicions and a quarantine it caused are "
                       "forgotten",
        .targets = FAULT_TARGET_CHIP,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .guard = FAULT_GUARD_CHECKSUM,
        .corrupts = true,
        .exclusive = "chip.sdc",
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct chip_sdc),
        .example = "{\"id\": \"sdc\", \"kind\": \"chip.sdc\", \"target\": \"r0.n2.c3\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"rate\": 0.001}",
        .inject = inject,
        .revert = revert,
};
