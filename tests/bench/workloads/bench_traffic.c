/* How fast traffic is made: million arrivals a second of CPU, by process and law, beside the bare
 * generator. The sum over all arrivals is printed too: it must be the same on every compiler. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/base/units.h"
#include "workloads/traffic.h"

static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void measure(const char *name, const char *text, uint64_t n)
{
	struct error err = ERROR_INIT;
	struct traffic_spec *spec = malloc(sizeof(*spec));
	struct trace_opener no_traces = {0};
	struct arena arena;
	struct json *doc;
	struct traffic *t;
	struct arrival a;
	uint64_t sum = 0;
	double from;
	bool more = true;

	arena_init(&arena, 0);
	if (json_parse(name, text, strlen(text), &doc, &err) != ERR_NONE ||
	        traffic_parse(json_root(doc), 1000 * NS_PER_S, &arena, spec, &err) != ERR_NONE ||
	        traffic_open(spec, 1, NS_MAX, &no_traces, &t, &err) != ERR_NONE) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		exit(1);
	}
	from = cpu_seconds();
	for (uint64_t i = 0; i < n && more; i++) {
		if (traffic_next(t, &a, &more, &err) != ERR_NONE)
			exit(1);
		sum += (uint64_t)(a.at_ns + a.prompt_tokens * 3 + a.output_tokens);
	}
	printf("%-32s %8.2f M arrivals/s   sum %016llx\n", name,
	        (double)n / 1e6 / (cpu_seconds() - from), (unsigned long long)sum);
	traffic_close(t);
	json_free(doc);
	arena_free(&arena);
	free(spec);
}

int main(int argc, char **argv)
{
	static const char lognormal[] =
	        "[{\"name\":\"a\",\"arrival\":{\"process\":\"poisson\",\"rate\":5000},"
	        "\"prompt_tokens\":{\"dist\":\"lognormal\",\"median\":1020,\"p99\":4142,\"max\":"
	        "8192},"
	        "\"output_tokens\":{\"dist\":\"lognormal\",\"median\":129,\"p99\":601,\"max\":1000}"
	        "}]";
	static const char constant[] =
	        "[{\"name\":\"a\",\"arrival\":{\"process\":\"poisson\",\"rate\":5000},"
	        "\"prompt_tokens\":{\"dist\":\"constant\",\"value\":64},"
	        "\"output_tokens\":{\"dist\":\"constant\",\"value\":8}}]";
	static const char gamma[] =
	        "[{\"name\":\"a\",\"arrival\":{\"process\":\"gamma\",\"rate\":5000,\"cv\":3},"
	        "\"prompt_tokens\":{\"dist\":\"uniform\",\"min\":1,\"max\":99},"
	        "\"output_tokens\":{\"dist\":\"empirical\",\"values\":[1,10,100]}}]";
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000000;

	measure("poisson, lognormal twice", lognormal, n);
	measure("poisson, constant", constant, n);
	measure("gamma(3), uniform, empirical", gamma, n);
	return 0;
}
