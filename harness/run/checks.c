#include "harness/run/checks.h"

#include <arpa/inet.h>
#include <string.h>
#include "faults/cable.h"
#include "faults/catalogue.h"
#include "faults/clock.h"
#include "faults/load.h"
#include "harness/base/units.h"

enum { HTTP_PORT = 80, PORT_MAX = 65535, WARNINGS_MAX = 512, HOST_MAX = 255 };

struct target_fields {
	const char *url, *model, *api_key_env;
	struct jval allow_hosts;
};

static const struct field target_fields[] = {
        {.name = "url",
                .type = FIELD_STRING,
                .offset = offsetof(struct target_fields, url),
                .flags = FIELD_REQUIRED,
                .help = "http://host:port[/prefix] of the server"},
        {.name = "model",
                .type = FIELD_STRING,
                .offset = offsetof(struct target_fields, model),
                .flags = FIELD_REQUIRED,
                .help = "sent with every request"},
        {.name = "api_key_env",
                .type = FIELD_STRING,
                .offset = offsetof(struct target_fields, api_key_env),
                .help = "environment variable that holds the key"},
        {.name = "allow_hosts",
                .type = FIELD_ARRAY,
                .offset = offsetof(struct target_fields, allow_hosts),
                .help = "hosts besides loopback that url may name"},
};

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return memcmp(&v6, &in6addr_loopback, sizeof(v6)) == 0;
	return strcmp(host, "localhost") == 0;
}

/* One list of hosts: does it name `host`? Elements that are no strings are errors. */
static enum status search_hosts(struct jval list, const char *host, bool *found, struct error *err)
{
	for (struct jval v = json_first(list); json_type(v) != JSON_NONE; v = json_next(v)) {
		if (!json_string(v))
			return json_expected(v, err, "a host name or address");
		if (strcmp(json_string(v), host) == 0)
			*found = true;
	}
	return ERR_NONE;
}

/* http://host[:port][/prefix], the host in brackets where it holds colons. False if it is none. */
static bool split_url(struct target_url *t, const char *url, struct arena *arena)
{
	const char *host = url + 7, *end;
	size_t host_len;
	long port = HTTP_PORT;

	if (strncmp(url, "http://", 7) != 0)
		return false;
	if (*host == '[') {
		host_len = strcspn(++host, "]");
		end = host + host_len;
		if (*end++ != ']')
			return false;
	} else {
		host_len = strcspn(host, ":/?#");
		end = host + host_len;
	}
	if (host_len == 0 || host_len > HOST_MAX)
		return false;
	if (*end == ':') {
		size_t digits = strspn(++end, "0123456789");

		if (digits == 0 || digits > 5)
			return false;
		for (port = 0; digits > 0; digits--)
			port = port * 10 + (*end++ - '0');
	}
	if (port < 1 || port > PORT_MAX || (*end != '\0' && *end != '/') ||
	        strpbrk(end, "?# \t\r\n"))
		return false;
	t->host = arena_strndup(arena, host, host_len);
	t->port = (uint16_t)port;
	host_len = strlen(end);
	while (host_len > 0 && end[host_len - 1] == '/')
		host_len--;
	t->path_prefix = arena_strndup(arena, end, host_len);
	return true;
}

enum status checks_target(
        struct scenario *s, struct jval target, struct jval allow_hosts, struct error *err)
{
	struct target_fields f;
	bool allowed;

	if (json_type(target) == JSON_NONE)
		return ERR_NONE;
	if (json_string(target) && strcmp(json_string(target), "emulator") == 0)
		return ERR_NONE;
	if (json_type(target) != JSON_OBJECT)
		return json_expected(target, err, "\"emulator\" or an object with a url");
	if (json_read(target, target_fields, ARRAY_LEN(target_fields), &f, err))
		return err->code;
	if (!split_url(&s->target, f.url, &s->arena))
		return json_expected(
		        json_get(target, "url"), err, "a URL of the form http://host:port/prefix");
	allowed = is_loopback(s->target.host);
	if (search_hosts(allow_hosts, s->target.host, &allowed, err) ||
	        search_hosts(f.allow_hosts, s->target.host, &allowed, err))
		return err->code;
	if (!allowed)
		return json_expected(json_get(target, "url"), err,
		        "a host on loopback or one listed in allow_hosts");
	s->target.url = f.url;
	s->target.model = f.model;
	s->target.api_key_env = f.api_key_env;
	return ERR_NONE;
}

enum status checks_fault_kinds(struct jval faults, struct error *err)
{
	for (struct jval v = json_first(faults); json_type(v) != JSON_NONE; v = json_next(v)) {
		struct jval kind = json_get(v, "kind");
		const struct fault_kind *known =
		        json_string(kind) ? fault_catalogue_find(json_string(kind)) : NULL;

		if (known && known->side == FAULT_MODEL)
			return json_expected(kind, err,
			        "a fault of the load.*, shape.* or client.* family (the target is "
			        "a URL)");
	}
	return ERR_NONE;
}

enum status checks_times(const struct scenario *s, struct jval warmup, struct error *err)
{
	char text[UNITS_DURATION_MAX];

	if (s->warmup_ns >= s->duration_ns)
		return json_expected(warmup, err, "less than the duration (%s)",
		        units_format_duration(s->duration_ns, text));
	return ERR_NONE;
}

static enum status check_rates(const struct scenario *s, struct jval traffic, struct error *err)
{
	double sum = 0;

	for (uint32_t i = 0; i < s->traffic.n_tenants; i++)
		if (!s->traffic.tenants[i].from_trace)
			sum += arrival_peak_rate(&s->traffic.tenants[i].arrival);
	if (sum > ARRIVAL_RATE_MAX)
		return json_error(traffic, err,
		        "expected at most %d requests/s in sum, what sockets could carry, found "
		        "%.17g",
		        ARRIVAL_RATE_MAX, sum);
	return ERR_NONE;
}

enum status checks_traffic(struct scenario *s, struct jval traffic, struct error *err)
{
	struct trace_counts counts;

	if (check_rates(s, traffic, err))
		return err->code;
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++) {
		struct tenant_spec *t = &s->traffic.tenants[i];

		if (!t->from_trace)
			continue;
		if (files_known_digest(s->files, t->name, t->trace.digest, &t->trace.emitted)) {
			t->trace.has_digest = true;
			continue;
		}
		if (trace_check(&t->trace, &s->traces, s->duration_ns, &counts, err))
			return err->code;
		files_keep_digest(s->files, t->name, t->trace.digest, t->trace.emitted);
	}
	return ERR_NONE;
}

/* What a surge makes of the entries it targets, as far as they are laws. */
static double surge_rate(const struct scenario *s, const struct fault_spec *f)
{
	const struct load_surge *surge = f->params;
	double sum = 0;

	for (uint32_t i = 0; i < f->n_targets; i++) {
		const struct tenant_spec *t = &s->traffic.tenants[f->targets[i]];

		sum += t->from_trace ? 0 : arrival_peak_rate(&t->arrival) * surge->factor;
	}
	return sum;
}

enum status checks_surges(const struct scenario *s, struct error *err)
{
	for (uint32_t i = 0; i < s->faults.n; i++) {
		const struct fault_spec *f = &s->faults.faults[i];

		if (strcmp(f->kind->name, "load.burst") != 0 &&
		        strcmp(f->kind->name, "load.step") != 0)
			continue;
		if (surge_rate(s, f) > ARRIVAL_RATE_MAX)
			return json_expected(json_get(f->where, "factor"), err,
			        "a factor that leaves the entries at %d requests/s at most, what "
			        "sockets could carry",
			        ARRIVAL_RATE_MAX);
	}
	return ERR_NONE;
}

enum status checks_virtual(const struct scenario *s, struct error *err)
{
	if (s->has_deployment)
		return ERR_NONE;
	return json_expected(json_get(json_root(s->document), "target"), err,
	        "a deployment beside the URL, which the virtual clock cannot ask");
}

/* --- warnings ---------------------------------------------------------------------------- */

static void warn(struct scenario *s, const char *text)
{
	if (s->n_warnings < WARNINGS_MAX)
		s->warnings[s->n_warnings++] = text;
}

static void warn_fault(struct scenario *s, const struct fault_spec *f, const uint32_t *uses)
{
	for (uint32_t i = 0; i < f->n_targets; i++)
		if (uses[f->targets[i]])
			return;
	warn(s, arena_printf(&s->arena, "fault '%s': no instance uses %s, so it takes no effect",
	                f->id, f->target));
}

static void warn_moot(struct scenario *s, const struct fault_spec *f)
{
	const char *why = NULL;

	if (f->kind->moot)
		why = f->kind->moot(f->params, &s->targets, f->targets, f->n_targets);
	if (why)
		warn(s, arena_printf(
		                &s->arena, "fault '%s': %s, so it takes no effect", f->id, why));
}

/* Drift that resynchronisation absorbs is no fault of the rack's. */
static void warn_drift(struct scenario *s, const struct fault_spec *f)
{
	double budget = s->deployment.health.drift_budget_ppm;
	const struct drift_fault *p = f->params;

	if (strcmp(f->kind->name, "clock.drift") == 0 && p->ppm <= budget)
		warn(s, arena_printf(&s->arena,
		                "fault '%s': %g ppm is within health.drift_budget (%g ppm), so it "
		                "takes no effect",
		                f->id, p->ppm, budget));
}

/* What bring-up will say of cables in wrong ports: a warning of the plan, and the fault's detail.
 */
static void warn_miswire(struct scenario *s, struct fault_spec *f)
{
	const struct topology *t = &s->deployment.topology;
	const struct miswire_fault *p = f->params;
	char text[CABLE_REFUSAL_MAX];

	if (strcmp(f->kind->name, "link.miswire") != 0 || !s->deployment.cable_plan.check)
		return;
	for (uint32_t i = 0; i < f->n_targets; i++) {
		uint32_t link = t->components[f->targets[i]].index;
		uint32_t other = p->with_id == UINT32_MAX ? cables_neighbour(t, link)
		                                          : t->components[p->with_id].index;

		if (other == COMPONENT_NONE)
			continue;
		(void)cables_refusal(&s->deployment.cable_plan, t, link, other, text);
		warn(s, arena_printf(
		                &s->arena, "fault '%s': bring-up refuses it: %s", f->id, text));
		if (i == 0)
			f->detail = arena_printf(&s->arena, "bring-up refuses it: %s", text);
	}
}

void checks_warn(struct scenario *s)
{
	uint32_t *uses;

	s->warnings = ARENA_ARRAY(&s->arena, const char *, WARNINGS_MAX);
	if (!s->has_deployment)
		return;
	for (uint32_t i = 0; i < s->deployment.n_warnings; i++)
		warn(s, s->deployment.warnings[i]);
	for (uint32_t i = 0; i < s->traffic.n_tenants; i++)
		if (s->tenant_room[i] == 0)
			warn(s, arena_printf(&s->arena,
			                "traffic '%s': no pool accepts it, so every request is "
			                "refused",
			                s->traffic.tenants[i].name));
	for (uint32_t i = 0; i < s->faults.n; i++) {
		warn_moot(s, &s->faults.faults[i]);
		warn_drift(s, &s->faults.faults[i]);
		warn_miswire(s, &s->faults.faults[i]);
	}
	uses = targets_uses(&s->deployment, &s->arena);
	for (uint32_t i = 0; i < s->faults.n; i++)
		if (s->faults.faults[i].kind->side == FAULT_MODEL &&
		        !(s->faults.faults[i].kind->targets & FAULT_TARGETS_APART))
			warn_fault(s, &s->faults.faults[i], uses);
}
