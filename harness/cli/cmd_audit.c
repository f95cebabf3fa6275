#include "harness/cli/commands.h"
#include "harness/run/audit.h"

static const struct option options[] = {
        {.name = "topology",
                .value = "FILE",
                .type = OPTION_TEXT,
                .offset = offsetof(struct audit_options, topology),
                .help = "racks by address, classes by filter, the policy; see docs/AUDIT.md"},
        {.name = "pcap",
                .value = "FILE",
                .type = OPTION_LIST,
                .offset = offsetof(struct audit_options, pcap),
                .companion = offsetof(struct audit_options, n_pcap),
                .help = "a pcap or pcapng capture, - is standard input; repeat it for more"},
        {.name = "interface",
                .value = "NAME",
                .type = OPTION_TEXT,
                .offset = offsetof(struct audit_options, interface),
                .help = "captures live, on one interface or on any; takes CAP_NET_RAW"},
        {.name = "for",
                .value = "DURATION",
                .type = OPTION_TEXT,
                .offset = offsetof(struct audit_options, duration),
                .help = "how long a live capture takes; default: 30s"},
        {.name = "buffer",
                .value = "MIB",
                .type = OPTION_COUNT,
                .min = 1,
                .max = AUDIT_BUFFER_MIB_MAX,
                .offset = offsetof(struct audit_options, buffer_mib),
                .fallback = "16",
                .help = "the kernel's buffer of a live capture; what it cannot hold is dropped"},
        {.name = "limit",
                .value = "N",
                .type = OPTION_COUNT,
                .min = 1,
                .max = AUDIT_LIMIT_MAX,
                .offset = offsetof(struct audit_options, limit),
                .fallback = "100",
                .help = "lists so many violations; all of them are counted"},
        {.name = "out",
                .value = "DIR",
                .type = OPTION_TEXT,
                .offset = offsetof(struct audit_options, out_dir),
                .help = "writes DIR/audit.json and DIR/audit.txt"},
        {.name = "json",
                .type = OPTION_SWITCH,
                .offset = offsetof(struct audit_options, json),
                .help = "prints the result on stdout, on one line"},
};

static int run(const void *args)
{
	return execute_audit(args);
}

const struct command command_audit = {
        .name = "audit",
        .operands = "[FILE…]",
        .summary = "prove from packets that the critical path stays in its rack",
        .about =
                "Reads captures, or captures live, gives every packet its class and its two racks, "
                "and fails if traffic of a critical class crosses racks or leaves them, or if "
                "traffic that no class claims crosses (policy). Prints a matrix of classes and "
                "rack pairs, the violations and the cross-rack flows. Captures of any size are "
                "streamed; operands are captures like those of --pcap.\n\n"
                "Exit code 0: nothing crossed, and nothing was missed; 1: a violation was seen; 2: "
                "bad topology, filter or capture; 3: no interface or no permission; 4: no "
                "violation was seen, but packets were dropped, cut or could not be told.\n\n"
                "A live capture takes CAP_NET_RAW while it is opened, then gives up root and every "
                "capability for good: it becomes who called sudo, else nobody, who must be able to "
                "write to DIR. Ctrl-C ends it, and what there is is judged. Without permission: "
                "audit a capture file, or run it in a namespace of your own (unshare -Urn).",
        .min_operands = 0,
        .max_operands = AUDIT_CAPTURES_MAX,
        .operands_offset = offsetof(struct audit_options, files),
        .n_operands_offset = offsetof(struct audit_options, n_files),
        .options = options,
        .n_options = ARRAY_LEN(options),
        .args_size = sizeof(struct audit_options),
        .run = run,
};
