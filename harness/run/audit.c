/* The folder of the results is opened before a live capture is, and written to through its
 * descriptor: then the process is no longer root, and need not find its way through folders that
 * only root may enter. A folder that is made for a live capture is given to whom it becomes. */
#include "harness/net/demote.h"
#include "harness/run/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/units.h"
#include "harness/run/files.h"
#include "harness/run/interrupt.h"
#include "harness/run/record.h"
#include "reports/audit.h"
#include "reports/capture.h"
#include "reports/text.h"

enum { LINE_BYTES = 1200, NAME_BYTES = 64 };
enum { EXIT_FAIL = 1, EXIT_INCONCLUSIVE = 4, EXIT_SIGNAL = 128 };

#define FOR_DEFAULT_NS (30 * NS_PER_S)
#define TEXT_BYTES_MAX ((size_t)1 << 30)
#define TOPOLOGY_BYTES ((size_t)1 << 30)
#define BYTES_PER_MIB  (1U << 20)

struct command {
	const struct audit_options *options;
	uint32_t n_captures;
	const char **captures; /* of --pcap, then the operands */
	int64_t for_ns;
	const volatile sig_atomic_t *interrupt;
	bool broken_off; /* a file was not read to its end because of a signal */
	struct arena arena;
	struct json *doc;
	struct audit_topology topology;
	struct audit *audit;
	int out; /* folder of the results, −1 = none */
};

/* --- what is asked ------------------------------------------------------------------------ */

static enum status list_captures(struct command *c, struct error *err)
{
	const struct audit_options *o = c->options;
	uint32_t n = o->n_pcap + o->n_files;
	bool from_stdin = false;

	if (n > AUDIT_CAPTURES_MAX)
		return error_set(err, ERR_USAGE, "expected at most %d captures, found %u",
		        AUDIT_CAPTURES_MAX, n);
	c->captures = ARENA_ARRAY(&c->arena, const char *, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		const char *path = i < o->n_pcap ? o->pcap[i] : o->files[i - o->n_pcap];

		if (strcmp(path, "-") == 0 && from_stdin)
			return error_set(
			        err, ERR_USAGE, "option --pcap: standard input (-) is named twice");
		from_stdin = from_stdin || strcmp(path, "-") == 0;
		c->captures[i] = path;
	}
	c->n_captures = n;
	return ERR_NONE;
}

static enum status check_options(struct command *c, struct error *err)
{
	const struct audit_options *o = c->options;

	if (!o->topology)
		return error_set(err, ERR_USAGE, "expected --topology FILE, found no such option");
	if (list_captures(c, err))
		return err->code;
	if (o->interface && c->n_captures > 0)
		return error_set(err, ERR_USAGE,
		        "expected --pcap or --interface, found both ('%s' and '%s')",
		        c->captures[0], o->interface);
	if (!o->interface && c->n_captures == 0)
		return error_set(
		        err, ERR_USAGE, "expected --pcap FILE or --interface NAME, found neither");
	if (!o->interface && o->duration)
		return error_set(err, ERR_USAGE,
		        "option --for: expected it with --interface only, found it with a capture "
		        "file");
	c->for_ns = FOR_DEFAULT_NS;
	if (o->duration && (!units_parse_duration(o->duration, strlen(o->duration), &c->for_ns) ||
	                           c->for_ns == 0))
		return error_set(err, ERR_USAGE,
		        "option --for: expected a duration above 0 like \"30s\", found '%s'",
		        o->duration);
	return ERR_NONE;
}

static enum status load_topology(struct command *c, struct error *err)
{
	struct audit_compiler compiler = capture_compiler();

	if (files_parse("", c->options->topology, &c->doc, err))
		return err->code;
	return audit_topology_parse(json_root(c->doc), &compiler, &c->arena, &c->topology, err);
}

/* --- where it goes ------------------------------------------------------------------------ */

static enum status no_folder(const struct command *c, const char *why, struct error *err)
{
	return error_set(err, ERR_ENVIRONMENT,
	        "option --out: expected a folder that can be written to, found '%s': %s",
	        c->options->out_dir, why);
}

static enum status check_writable(const struct command *c, struct error *err)
{
	if (c->out < 0 || faccessat(c->out, ".", W_OK | X_OK, 0) == 0)
		return ERR_NONE;
	return no_folder(c, strerror(errno), err);
}

static enum status open_folder(struct command *c, struct error *err)
{
	struct demote_heir heir = demote_heir();
	char path[PATH_MAX];
	struct stat st;
	bool made;

	if (!c->options->out_dir)
		return ERR_NONE;
	if ((size_t)snprintf(path, sizeof(path), "%s", c->options->out_dir) >= sizeof(path))
		return error_set(err, ERR_USAGE, "option --out: expected a shorter path");
	made = stat(path, &st) != 0;
	if (record_folder(path, err))
		return err->code;
	c->out = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->out < 0)
		return no_folder(c, strerror(errno), err);
	if (made && c->options->interface && heir.changes &&
	        fchownat(c->out, "", heir.uid, heir.gid, AT_EMPTY_PATH) && errno != EINVAL &&
	        errno != EPERM)
		return no_folder(c, strerror(errno), err);
	return check_writable(c, err);
}

static bool write_whole(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, text, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		text += k;
		n -= (size_t)k;
	}
	return true;
}

/* Written beside and renamed. */
static enum status write_file(
        const struct command *c, const char *name, const char *text, size_t n, struct error *err)
{
	char beside[NAME_BYTES];
	int fd;
	bool ok;

	(void)snprintf(beside, sizeof(beside), ".%s.%d", name, (int)getpid());
	fd = openat(c->out, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	ok = fd >= 0 && write_whole(fd, text, n);
	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	if (ok && renameat(c->out, beside, c->out, name) == 0)
		return ERR_NONE;
	(void)error_set(err, ERR_ENVIRONMENT, "cannot write '%s/%s': %s", c->options->out_dir, name,
	        strerror(errno));
	(void)unlinkat(c->out, beside, 0);
	return err->code;
}

/* --- reading ------------------------------------------------------------------------------ */

static void say_cut(const char *where, const struct capture_end *end)
{
	if (end->cut)
		(void)fprintf(stderr, "%s: cut %s\n", where, end->why);
}

static enum status read_files(struct command *c, struct error *err)
{
	struct capture_end end;

	for (uint32_t i = 0; i < c->n_captures; i++)
		if (capture_check(c->captures[i], err))
			return err->code;
	for (uint32_t i = 0; i < c->n_captures && !c->broken_off; i++) {
		if (capture_file(c->audit, c->captures[i], c->captures[i], c->interrupt, &end, err))
			return err->code;
		say_cut(c->captures[i], &end);
		c->broken_off = *c->interrupt && (end.cut || i + 1 < c->n_captures);
	}
	return ERR_NONE;
}

static enum status opened(void *ctx, struct error *err)
{
	const struct command *c = ctx;
	char text[UNITS_DURATION_MAX];

	if (check_writable(c, err))
		return err->code;
	(void)fprintf(stderr, "captures on '%s' for %s, without privileges\n",
	        c->options->interface, units_format_duration(c->for_ns, text));
	return ERR_NONE;
}

static enum status read_interface(struct command *c, struct error *err)
{
	struct capture_live live = {.interface = c->options->interface,
	        .for_ns = c->for_ns,
	        .buffer_bytes = (uint32_t)c->options->buffer_mib * BYTES_PER_MIB,
	        .stop = c->interrupt,
	        .opened = opened,
	        .ctx = c};
	struct capture_end end;

	if (capture_live(c->audit, &live, &end, err))
		return err->code;
	say_cut(c->options->interface, &end);
	return ERR_NONE;
}

/* --- the result --------------------------------------------------------------------------- */

static void print_json(const struct audit_result *r)
{
	struct json_out o;

	json_out_init(&o, 0);
	render_audit(r, &o, NULL);
	(void)fwrite(o.buf, 1, o.n, stdout);
	(void)putchar('\n');
	json_out_free(&o);
}

static enum status write_json(
        const struct command *c, const struct audit_result *r, struct error *err)
{
	struct text whole;
	struct json_out o;

	json_out_init(&o, 2);
	render_audit(r, &o, NULL);
	text_init(&whole, o.n + 2);
	text_add(&whole, o.buf, o.n);
	text_add(&whole, "\n", 1);
	json_out_free(&o);
	(void)write_file(c, "audit.json", whole.buf, whole.n, err);
	text_free(&whole);
	return err->code;
}

static enum status report(const struct command *c, const struct audit_result *r, struct error *err)
{
	struct text t;

	text_init(&t, TEXT_BYTES_MAX);
	render_audit_text(r, &t);
	(void)fwrite(t.buf, 1, t.n, stderr);
	if (c->options->json)
		print_json(r);
	if (c->out >= 0 && write_file(c, "audit.txt", t.buf, t.n, err) == ERR_NONE)
		(void)write_json(c, r, err);
	text_free(&t);
	return err->code;
}

static int exit_code(const struct command *c, const struct audit_result *r)
{
	if (c->broken_off)
		return EXIT_SIGNAL + (int)*c->interrupt;
	return r->fail ? EXIT_FAIL : r->pass ? 0 : EXIT_INCONCLUSIVE;
}

static int audit(struct command *c, struct error *err)
{
	struct audit_config config = {
	        .topology = &c->topology, .violations_max = (uint32_t)c->options->limit};
	const struct audit_result *r;

	if (check_options(c, err) || load_topology(c, err) || open_folder(c, err))
		return (int)err->code;
	c->interrupt = interrupt_catch();
	c->audit = audit_create(&config);
	if (c->options->interface ? read_interface(c, err) : read_files(c, err))
		return (int)err->code;
	r = audit_finish(c->audit);
	if (report(c, r, err))
		return (int)err->code;
	return exit_code(c, r);
}

int execute_audit(const struct audit_options *options)
{
	struct command c = {.options = options, .out = -1};
	struct error err = ERROR_INIT;
	char line[LINE_BYTES];
	int code;

	arena_init(&c.arena, TOPOLOGY_BYTES);
	code = audit(&c, &err);
	if (err.code) {
		(void)error_format(&err, line, sizeof(line));
		(void)fprintf(stderr, "%s%s\n", err.file[0] ? "" : "lpuchaos: ", line);
	}
	if (c.audit)
		audit_free(c.audit);
	if (c.out >= 0)
		(void)close(c.out);
	json_free(c.doc);
	arena_free(&c.arena);
	return code;
}
