/* A chip that takes longer than the timetable gives it. There is no flow control on which it could
 * lean: either the whole instance is clocked down to it, or its vectors come late. */
#include "faults/kinds.h"

const char *const fault_slow_modes[] = {"reclock", "violate", NULL};

struct chip_slow {
	double factor;
	int mode; /* enum slow_mode */
};

static const struct field FIELDS[] = {
        {.name = "factor",
                .type = FIELD_REAL,
                .offset = offsetof(struct chip_slow, factor),
                .fallback = "1.25",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmin = 1,
                .rmax = 100,
                .unit = "times",
                .help = "its frame time over the timetable's, in millionths",
                .label = "assumption",
                .source = "nothing is published about slow chips of this kind; a quarter more is "
                          "a clock lowered by a fifth"},
        {.name = "mode",
                .type = FIELD_ENUM,
                .offset = offsetof(struct chip_slow, mode),
                .choices = fault_slow_modes,
                .fallback = "\"reclock\"",
                .help = "reclock: the runtime lowers the clock of the whole instance after one "
                        "resync; violate: each frame comes late, is replayed, and the second "
                        "suspicion evicts the node",
                .label = "assumption",
                .source = "chips have no flow control: a late vector is a timing violation; how "
                          "the runtime answers is not published"},
};

static void inject(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct chip_slow *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->slow(sink->ctx, now, m->fault, m->targets[i], fault_ppm(p->factor),
		        (enum slow_mode)p->mode);
	m->holding = true;
}

static void revert(struct fault_machine *m, int64_t now, const struct fault_sink *sink)
{
	const struct chip_slow *p = m->params;

	for (uint32_t i = 0; i < m->n_targets; i++)
		sink->slow(sink->ctx, now, m->fault, m->targets[i], SLOW_NONE,
		        (enum slow_mode)p->mode);
	m->holding = false;
}

const struct fault_kind fault_chip_slow = {
        .name = "chip.slow",
        .help = "a chip is slower than its timetable",
        .effect = "With mode reclock the instance on the chip's node stands still once for "
                  "health.resync, then all its frames take the factor; factors of different "
                  "faults multiply. With mode violate every frame is flagged at its end and "
                  "replayed, and so is the replay, until the node is evicted at the last "
                  "suspicion of the window; behind the failover the instance has its full speed. "
                  "An instance that is moved onto the slow node becomes slow.",
        .detection = "reclock: at once, by the chip itself; violate: flagged by the late vector at "
                     "the end of the frame",
        .revert_text = "the chip is as fast as the timetable: the clock goes up again without a "
                       "stop; suspicions and a quarantine it caused are forgotten",
        .targets = FAULT_TARGET_CHIP,
        .side = FAULT_MODEL,
        .clocks = FAULT_ON_BOTH,
        .found = FAULT_PHASES_ALL,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct chip_slow),
        .example = "{\"id\": \"slow\", \"kind\": \"chip.slow\", \"target\": \"r0.n2.c3\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"factor\": 1.25, \"mode\": \"reclock\"}",
        .inject = inject,
        .revert = revert,
};
