/* Clients that nobody here wrote: curl, wrk, the openai package for node. Each is a program of its
 * own run through the shell; exit 77 with the reason where it is missing.
 *
 *     e2e_serve_clients curl | wrk | openai */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/token.h"
#include "tests/support/ring_skip.h"
#include "tests/support/serve_fixture.h"

enum { OUTPUT_MAX = 64 << 10 };

static int failures;

#define EXPECT(cond, ...)                                                                          \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			failures++;                                                                \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #cond);                          \
			printf(__VA_ARGS__);                                                       \
			printf("\n");                                                              \
		}                                                                                  \
	} while (0)

static int run(const char *command, char out[static OUTPUT_MAX])
{
	FILE *p = popen(command, "r");
	size_t n;

	CHECK(p);
	n = fread(out, 1, OUTPUT_MAX - 1, p);
	out[n] = '\0';
	return pclose(p);
}

static int missing(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
	if (system(command) == 0)
		return 0;
	printf("skipped: there is no %s\n", program);
	return 1;
}

static int with_curl(const struct served *s)
{
	static char out[OUTPUT_MAX];
	char command[512], text[TOKEN_TEXT_MAX + 1] = "";
	const char *at = out;
	uint64_t h = token_prompt_digest(TOKEN_DIGEST_START, "lpc:7:5 hello", 13);

	snprintf(command, sizeof(command),
	        "curl -sSN -m 10 http://127.0.0.1:%u/v1/chat/completions -d '"
	        "{\"model\":\"llama-3.1-8b\",\"stream\":true,\"messages\":"
	        "[{\"role\":\"user\",\"content\":\"lpc:7:5 hello\"}]}' 2>&1",
	        s->port);
	EXPECT(run(command, out) == 0, "%s", out);
	for (uint64_t i = 0; i < 5; i++) {
		token_text(h, i, text);
		at = strstr(at, text);
		EXPECT(at != NULL, "token %d is missing in %s", (int)i, out);
		if (!at)
			return 1;
	}
	EXPECT(strstr(at, "data: [DONE]") != NULL, "%s", out);
	EXPECT(strstr(at, "\"finish_reason\":\"stop\"") != NULL, "%s", out);
	return failures;
}

/* As many completions as wrk read, no socket error, no status but 200 and 429. */
static int with_wrk(const struct served *s)
{
	static char out[OUTPUT_MAX];
	char command[512], *line;
	unsigned long ok, busy, other, requests, errors;

	snprintf(command, sizeof(command),
	        "wrk -t1 -c64 -d3s --timeout 5s -s '%s/tests/e2e/serve/wrk.lua' "
	        "http://127.0.0.1:%u/v1/chat/completions 2>&1",
	        LPC_SOURCE_DIR, s->port);
	EXPECT(run(command, out) == 0, "%s", out);
	line = strstr(out, "lpuchaos ok ");
	EXPECT(line != NULL, "%s", out);
	if (!line || sscanf(line, "lpuchaos ok %lu busy %lu other %lu requests %lu errors %lu", &ok,
	                     &busy, &other, &requests, &errors) != 5)
		return 1;
	printf("%s", line);
	EXPECT(ok > 0 && other == 0 && errors == 0, "%s", out);
	EXPECT(requests == ok + busy, "%s", out);
	EXPECT((unsigned long)served_metric(s, "lpuchaos_completions_total") == ok,
	        "the server counts %.0f, wrk %lu", served_metric(s, "lpuchaos_completions_total"),
	        ok);
	return failures;
}

static int with_openai(const struct served *s)
{
	static char out[OUTPUT_MAX];
	char folder[] = "/tmp/lpuchaos-openai-XXXXXX", command[1024];
	int rc;

	CHECK(mkdtemp(folder));
	snprintf(command, sizeof(command),
	        "cd '%s' && timeout 60 npm install --silent --no-audit --no-fund openai 2>&1",
	        folder);
	rc = run(command, out) ? EXIT_SKIPPED : 0;
	if (rc) {
		printf("skipped: npm cannot install openai\n");
	} else {
		snprintf(command, sizeof(command),
		        "cd '%s' && timeout 30 node '%s/tests/e2e/serve/openai.mjs' "
		        "http://127.0.0.1:%u/v1 2>&1",
		        folder, LPC_SOURCE_DIR, s->port);
		EXPECT(run(command, out) == 0, "%s", out);
		printf("%s", out);
		rc = failures;
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	EXPECT(system(command) == 0, "%s", folder);
	return rc;
}

static const struct {
	const char *name, *program;
	int (*run)(const struct served *s);
} clients[] = {
        {"curl", "curl", with_curl}, {"wrk", "wrk", with_wrk}, {"openai", "npm", with_openai}};

int main(int argc, char **argv)
{
	struct served server;
	int rc = 2;

	if (ring_is_refused())
		return EXIT_SKIPPED;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		if (argc != 2 || strcmp(clients[i].name, argv[1]) != 0)
			continue;
		if (missing(clients[i].program))
			return EXIT_SKIPPED;
		server = served_start(serve_fixture_small, NULL);
		rc = clients[i].run(&server);
		if (served_stop(&server) != 0)
			rc = 1;
	}
	return rc;
}
