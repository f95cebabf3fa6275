/* Growth that stays: a customer more, another region's traffic moved here. */
#include "faults/kinds.h"
#include "faults/load.h"

static const struct field FIELDS[] = {
        {.name = "factor",
                .type = FIELD_REAL,
                .offset = offsetof(struct load_surge, factor),
                .fallback = "1.5",
                .flags = FIELD_EXCLUSIVE_MIN,
                .rmin = 1,
                .rmax = 1000,
                .unit = "times",
                .help = "arrivals after the step over those before",
                .label = "assumption",
                .source = "one of three regions lost leaves each other with half as much again"},
        {.name = "ramp",
                .type = FIELD_DURATION,
                .offset = offsetof(struct load_surge, ramp_ns),
                .fallback = "\"0s\"",
                .max = NS_MAX,
                .unit = "ns",
                .help = "the rate rises evenly over so long",
                .label = "assumption",
                .source = "a step is the hardest case"},
};

const struct fault_kind fault_load_step = {
        .name = "load.step",
        .help = "the arrival rate steps up, at once or along a ramp, and stays",
        .effect = "From its begin on the traffic entry sends factor times as many requests: its "
                  "own ones, unchanged, and (factor - 1) times as many further ones of the same "
                  "arrival process and lengths. Along a ramp they come at random, ever more often, "
                  "until the rate is reached.",
        .detection = "not detected: nothing is broken",
        .revert_text = "no further requests are added; those that came are served",
        .targets = FAULT_TARGET_TRAFFIC,
        .default_target = "all",
        .side = FAULT_CLIENT,
        .clocks = FAULT_ON_BOTH,
        .fields = FIELDS,
        .n_fields = ARRAY_LEN(FIELDS),
        .params_size = sizeof(struct load_surge),
        .example = "{\"id\": \"step\", \"kind\": \"load.step\", \"target\": \"t\", "
                   "\"at\": \"20s\", \"for\": \"30s\", \"factor\": 1.5, \"ramp\": \"5s\"}",
        .inject = fault_surge_begin,
        .revert = fault_surge_end,
};
