/* A crowd: for a while requests come factor times as often. The entry's own requests stay what they
 * are and further ones come beside them, so that a run without the fault is the same run. */
#include "faults/kinds.h"
#include "faults/load.h"

static const struct field FIELDS[] = {
        {.name = "factor",
                .type = FIELD_REAL,
                .offset = offsetof(struct load_surge, factor),
                .fallback = "3",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmin = 1,
                .rmax = 1000,
                .unit = "times",
                .help = "arrivals while it lasts over the entry's own",
                .label = "assumption",
                .source = "no burst factor of inference services is agreed on; sweep it"},
};

const struct fault_kind fault_load_burst = {
        .name = "load.burst",
        .help = "requests come several times as often for a while",
        .effect = "While it is active the traffic entry sends factor times as many requests: its "
                  "own ones, unchanged, and (factor - 1) times as many further ones of the same "
                  "arrival process and lengths, evenly spaced where the entry's are. They queue "
                  "with the others, or are refused.",
        .detection = "not detected: nothing is broken",
        .revert_text = "no further requests are added; those that came are served",
        .targets = FAULT_TARGET_TRAFFIC,
        .default_target = "all",
        .side = FAULT_CLIENT,
        .clocks = FAULT_ON_BOTH,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct load_surge),
        .example = "{\"id\": \"burst\", \"kind\": \"load.burst\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"10s\", \"factor\": 3}",
        .inject = fault_surge_begin,
        .revert = fault_surge_end,
};
