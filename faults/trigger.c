/* Sustained conditions. A sample on which the condition fails forgets everything, so a signal that
 * flickers around its limit never fires; a signal without a value (no request done yet) is a
 * failing sample. */
#include "faults/trigger.h"
#include "harness/base/units.h"

#include <string.h>

enum value_kind { VALUE_DURATION, VALUE_COUNT, VALUE_RATIO };

static const struct signal {
	const char *name;
	enum value_kind value;
	bool of_pool;
} SIGNALS[SIGNAL_COUNT] = {
        [SIGNAL_POOL_QUEUE] = {"pool.queue_ms", VALUE_DURATION, true},
        [SIGNAL_IN_FLIGHT] = {"in_flight", VALUE_COUNT, false},
        [SIGNAL_ERROR_RATIO] = {"error_ratio", VALUE_RATIO, false},
        [SIGNAL_P99_TTFT] = {"p99_ttft_ms", VALUE_DURATION, false},
        [SIGNAL_SPARE_COUNT] = {"spare_count", VALUE_COUNT, false},
        [SIGNAL_HEALTHY] = {"healthy_instances", VALUE_COUNT, false},
        [SIGNAL_ARTIFACTS] = {"artifact_count", VALUE_COUNT, false},
        [SIGNAL_BACKLOG] = {"compile_backlog", VALUE_COUNT, false},
};

static const char *const SIGNAL_NAMES[] = {"pool.queue_ms", "in_flight", "error_ratio",
        "p99_ttft_ms", "spare_count", "healthy_instances", "artifact_count", "compile_backlog",
        NULL};
_Static_assert(ARRAY_LEN(SIGNAL_NAMES) == SIGNAL_COUNT + 1, "a name for each signal");
static const char *const OPS[] = {">", ">=", "<", "<=", NULL};

struct trigger_keys {
	int signal, op;
	const char *pool;
	struct jval value;
	int64_t for_ns;
};

#define KEY(key, member, kind, ...)                                                                \
	{                                                                                          \
		.name = key, .type = kind, .offset = offsetof(struct trigger_keys, member),        \
		__VA_ARGS__                                                                        \
	}

static const struct field KEYS[] = {
        KEY("signal", signal, FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = SIGNAL_NAMES,
                .help = "what is watched"),
        KEY("pool", pool, FIELD_NAME, .help = "whose queue, with pool.queue_ms"),
        KEY("op", op, FIELD_ENUM, .flags = FIELD_REQUIRED, .choices = OPS, .help = "comparison"),
        KEY("value", value, FIELD_VALUE, .flags = FIELD_REQUIRED,
                .help = "limit: a duration for latencies, a number for the others"),
        KEY("for", for_ns, FIELD_DURATION, .max = NS_MAX,
                .help = "how long it must hold without a break"),
};

const char *trigger_signal_name(enum trigger_signal s)
{
	return SIGNALS[s].name;
}

static enum status parse_value(
        struct jval v, const struct signal *signal, double *out, struct error *err)
{
	int64_t ns;

	if (signal->value == VALUE_DURATION) {
		if (json_duration(v, &ns, err) != ERR_NONE)
			return err->code;
		*out = (double)ns;
		return ERR_NONE;
	}
	if (json_real(v, out, err) != ERR_NONE)
		return err->code;
	if (*out < 0 || (signal->value == VALUE_RATIO && *out > 1))
		return json_expected(v, err,
		        signal->value == VALUE_RATIO ? "a share from 0 to 1"
		                                     : "a number of at least 0");
	return ERR_NONE;
}

enum status trigger_parse(
        struct jval v, struct arena *arena, struct trigger_spec *out, struct error *err)
{
	const struct signal *signal;
	struct trigger_keys keys;

	memset(&keys, 0, sizeof(keys));
	if (json_read(v, KEYS, ARRAY_LEN(KEYS), &keys, err) != ERR_NONE)
		return err->code;
	signal = &SIGNALS[keys.signal];
	if (signal->of_pool && !keys.pool)
		return json_error(
		        v, err, "expected the key 'pool' with %s, found none", signal->name);
	if (!signal->of_pool && keys.pool)
		return json_error(json_get(v, "pool"), err, "expected no pool with %s, found '%s'",
		        signal->name, keys.pool);
	*out = (struct trigger_spec){.signal = (enum trigger_signal)keys.signal,
	        .op = (enum trigger_op)keys.op,
	        .for_ns = keys.for_ns};
	if (keys.pool)
		out->pool = arena_strndup(arena, keys.pool, strlen(keys.pool));
	return parse_value(keys.value, signal, &out->value, err);
}

void trigger_canonical(const struct trigger_spec *spec, struct json_out *o, const char *key)
{
	json_out_open(o, key, '{');
	json_out_i64(o, "for_ns", spec->for_ns);
	json_out_str(o, "op", OPS[spec->op]);
	json_out_str(o, "pool", spec->pool);
	json_out_str(o, "signal", SIGNALS[spec->signal].name);
	json_out_real(o, "value", spec->value);
	json_out_close(o);
}

void trigger_init(struct trigger *t, const struct trigger_spec *spec)
{
	t->spec = spec;
	t->since_ns = -1;
}

/* False for NaN, whatever the comparison. */
static bool holds(const struct trigger_spec *spec, double value)
{
	switch (spec->op) {
	case TRIGGER_GT:
		return value > spec->value;
	case TRIGGER_GE:
		return value >= spec->value;
	case TRIGGER_LT:
		return value < spec->value;
	case TRIGGER_LE:
		return value <= spec->value;
	}
	UNREACHABLE("every comparison is made above");
}

bool trigger_sample(struct trigger *t, int64_t now, double value)
{
	if (!holds(t->spec, value)) {
		t->since_ns = -1;
		return false;
	}
	if (t->since_ns < 0)
		t->since_ns = now;
	return now - t->since_ns >= t->spec->for_ns;
}
