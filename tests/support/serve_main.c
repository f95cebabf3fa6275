/* A server to try things on: serve_main DEPLOYMENT.json [ADDRESS:PORT]. Ends with its standard
 * input. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "tests/support/deployment_text.h"
#include "tests/support/serve_fixture.h"

int main(int argc, char **argv)
{
	char *text;
	size_t n;
	int rc;

	if (argc < 2) {
		fprintf(stderr, "usage: serve_main DEPLOYMENT.json [ADDRESS:PORT]\n");
		return 2;
	}
	text = file_text(argv[1], &n);
	if (!text) {
		perror(argv[1]);
		return 2;
	}
	rc = serve_fixture_run(text, argc > 2 ? argv[2] : "127.0.0.1:8000", NULL, STDIN_FILENO,
	        open("/dev/null", O_WRONLY));
	mem_free(text);
	return rc;
}
