/* Why a set and not plain reads: a wall run sends its scenario to the emulator's process, which
 * must build the very same model. So everything a scenario read is kept, as edited, and travels
 * with it; the other side reads from the set through the same interfaces and cannot tell the
 * difference (plan.h). */
#include "harness/run/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 256, FILES_PATH_MAX = 4096, SOURCES_MAX = FILES_MAX + 2 };

struct document {
	char *path;
	struct json *doc;
};

struct trace_digest {
	char *tenant;
	uint8_t digest[DIGEST_BYTES];
	uint64_t emitted;
};

struct file_set {
	bool sealed;
	struct file_fence *fence;
	uint32_t n_documents, n_digests;
	struct trace_digest digests[TRAFFIC_TENANTS_MAX];
	struct document documents[FILES_MAX];
	uint32_t n_sources;
	struct file_source *sources[SOURCES_MAX]; /* the documents, the scenario, its suite */
	struct arena arena;                       /* paths and names */
};

struct file_set *files_new(bool sealed)
{
	struct file_set *set = mem_alloc(1, sizeof(*set));

	set->sealed = sealed;
	arena_init(&set->arena, (size_t)FILES_MAX * FILES_PATH_MAX);
	return set;
}

void files_free(struct file_set *set)
{
	if (!set)
		return;
	for (uint32_t i = 0; i < set->n_documents; i++)
		json_free(set->documents[i].doc);
	for (uint32_t i = 0; i < set->n_sources; i++)
		file_source_release(set->sources[i]);
	arena_free(&set->arena);
	mem_free(set);
}

static enum status unreadable(const char *path, const char *why, struct error *err)
{
	return error_set(err, ERR_USAGE, "expected a readable file, found '%s': %s", path, why);
}

/* What went wrong, in words that fit behind "found". */
static const char *reason(int error)
{
	return error == ENOENT   ? "no such file"
	       : error == EACCES ? "no permission to read it"
	                         : strerror(error);
}

/* O_NONBLOCK: a FIFO must not hang us. */
int files_open(const char *path, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		*why = reason(errno);
	else if (!S_ISREG(st.st_mode))
		*why = S_ISDIR(st.st_mode) ? "it is a directory" : "it is no plain file";
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Up to n bytes; fewer only at the end of the file; -1 with errno. */
static ssize_t read_full(int fd, char *buf, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, buf + got, n - got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

enum status files_read(const char *path, char **text, size_t *n, struct error *err)
{
	struct stat st;
	const char *why;
	int fd = files_open(path, &why);
	ssize_t got;
	char *buf;

	if (fd < 0)
		return unreadable(path, why, err);
	if (fstat(fd, &st) < 0 || st.st_size > JSON_SIZE_MAX) {
		close(fd);
		return unreadable(path, "it is larger than 16 MiB", err);
	}
	buf = mem_alloc((size_t)st.st_size + 1, 1);
	got = read_full(fd, buf, (size_t)st.st_size);
	close(fd);
	if (got < 0) {
		mem_free(buf);
		return unreadable(path, strerror(errno), err);
	}
	*text = buf;
	*n = (size_t)got;
	return ERR_NONE;
}

enum status files_blame(struct jval v, struct error *err)
{
	char text[ERROR_TEXT_MAX];

	if (err->file[0])
		return err->code;
	memcpy(text, err->text, sizeof(text));
	*err = (struct error)ERROR_INIT;
	return json_error(v, err, "%s", text);
}

enum status files_resolve(
        const char *from_file, const char *path, char *buf, size_t n, struct error *err)
{
	const char *slash = strrchr(from_file, '/');
	int folder = path[0] == '/' || !slash ? 0 : (int)(slash - from_file) + 1;

	if ((size_t)snprintf(buf, n, "%.*s%s", folder, from_file, path) >= n)
		return unreadable(path, "its path is too long", err);
	return ERR_NONE;
}

static struct json *find_document(const struct file_set *set, const char *path)
{
	for (uint32_t i = 0; i < set->n_documents; i++)
		if (strcmp(set->documents[i].path, path) == 0)
			return set->documents[i].doc;
	return NULL;
}

static void add_document(struct file_set *set, const char *path, struct json *doc)
{
	struct document *d = &set->documents[set->n_documents++];

	d->path = arena_strndup(&set->arena, path, strlen(path));
	d->doc = doc;
}

void file_source_release(struct file_source *source)
{
	if (!source || --source->users > 0)
		return;
	mem_free(source->path);
	mem_free(source->text);
	mem_free(source);
}

void files_keep_source(struct file_set *set, struct file_source *source)
{
	CHECK(set->n_sources < SOURCES_MAX);
	source->users++;
	set->sources[set->n_sources++] = source;
}

uint32_t files_sources(const struct file_set *set, struct file_source *const **out)
{
	*out = set->sources;
	return set->n_sources;
}

enum status files_parse_source(const char *from_file, const char *path, struct json **doc,
        struct file_source **source, struct error *err)
{
	char resolved[FILES_PATH_MAX];
	size_t n;

	*source = NULL;
	if (files_resolve(from_file, path, resolved, sizeof(resolved), err))
		return err->code;
	*source = mem_alloc(1, sizeof(**source));
	(*source)->users = 1;
	n = strlen(resolved);
	(*source)->path = mem_alloc(n + 1, 1);
	memcpy((*source)->path, resolved, n);
	if (!files_read(resolved, &(*source)->text, &(*source)->n, err) &&
	        !json_parse(resolved, (*source)->text, (*source)->n, doc, err))
		return ERR_NONE;
	file_source_release(*source);
	*source = NULL;
	return err->code;
}

enum status files_parse(
        const char *from_file, const char *path, struct json **doc, struct error *err)
{
	struct file_source *source;
	enum status rc = files_parse_source(from_file, path, doc, &source, err);

	file_source_release(source);
	return rc;
}

void files_fence(struct file_set *set, struct file_fence *fence)
{
	set->fence = fence;
}

/* Whether the path stays below the folder, taken as text. */
static bool lies_below(const char *path, const char *root)
{
	size_t n = strlen(root);
	int depth = 0;

	if (strncmp(path, root, n) != 0 || path[n] != '/')
		return false;
	for (path += n; *path && depth >= 0; path += strcspn(path, "/")) {
		path += strspn(path, "/");
		if (strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0'))
			depth--;
		else if (!(path[0] == '.' && (path[1] == '/' || path[1] == '\0')))
			depth++;
	}
	return depth > 0;
}

enum status files_allowed(
        const struct file_set *set, const char *from_file, const char *path, struct error *err)
{
	char resolved[FILES_PATH_MAX];

	if (!set->fence)
		return ERR_NONE;
	if (files_resolve(from_file, path, resolved, sizeof(resolved), err))
		return err->code;
	if (lies_below(resolved, set->fence->root))
		return ERR_NONE;
	set->fence->crossed = true;
	return unreadable(path, "it lies elsewhere", err);
}

enum status files_json(struct file_set *set, const char *from_file, const char *path,
        struct json **doc, struct error *err)
{
	char resolved[FILES_PATH_MAX];
	struct file_source *source;

	if (files_resolve(from_file, path, resolved, sizeof(resolved), err))
		return err->code;
	*doc = find_document(set, resolved);
	if (*doc)
		return ERR_NONE;
	if (set->sealed)
		return unreadable(resolved, "the plan does not hold it", err);
	if (set->n_documents == FILES_MAX)
		return unreadable(resolved, "one scenario names too many files", err);
	if (files_allowed(set, from_file, path, err) ||
	        files_parse_source("", resolved, doc, &source, err))
		return err->code;
	add_document(set, resolved, *doc);
	files_keep_source(set, source);
	file_source_release(source);
	return ERR_NONE;
}

/* --- traces ------------------------------------------------------------------------------ */

static enum status trace_read(void *ctx, char *buf, size_t room, size_t *n, struct error *err)
{
	const int *fd = ctx;
	ssize_t got = read_full(*fd, buf, room);

	if (got < 0)
		return error_set(err, ERR_USAGE, "%s", strerror(errno));
	*n = (size_t)got;
	return ERR_NONE;
}

static void trace_end(void *ctx)
{
	int *fd = ctx;

	close(*fd);
	mem_free(fd);
}

static enum status open_trace(void *ctx, const char *from_file, const char *path,
        struct trace_source *out, struct error *err)
{
	const struct file_set *set = ctx;
	char resolved[FILES_PATH_MAX];
	const char *why;
	int fd, *kept;

	if (set->sealed)
		return error_set(err, ERR_USAGE, "the plan does not hold it");
	if (files_allowed(set, from_file, path, err) ||
	        files_resolve(from_file, path, resolved, sizeof(resolved), err))
		return err->code;
	fd = files_open(resolved, &why);
	if (fd < 0)
		return error_set(err, ERR_USAGE, "%s", why);
	kept = mem_alloc(1, sizeof(*kept));
	*kept = fd;
	*out = (struct trace_source){.ctx = kept, .read = trace_read, .close = trace_end};
	return ERR_NONE;
}

struct trace_opener files_traces(struct file_set *set)
{
	return (struct trace_opener){.ctx = set, .open = open_trace};
}

/* --- documents for others ---------------------------------------------------------------- */

static enum status load_json(
        void *ctx, const char *from_file, const char *path, struct jval *root, struct error *err)
{
	struct json *doc;

	if (files_json(ctx, from_file, path, &doc, err))
		return err->code;
	*root = json_root(doc);
	return ERR_NONE;
}

struct file_loader files_loader(struct file_set *set)
{
	return (struct file_loader){.ctx = set, .load_json = load_json};
}

void files_keep_digest(struct file_set *set, const char *tenant,
        const uint8_t digest[static DIGEST_BYTES], uint64_t emitted)
{
	struct trace_digest *d = &set->digests[set->n_digests++];

	CHECK(set->n_digests <= TRAFFIC_TENANTS_MAX);
	d->tenant = arena_strndup(&set->arena, tenant, strlen(tenant));
	memcpy(d->digest, digest, DIGEST_BYTES);
	d->emitted = emitted;
}

bool files_known_digest(const struct file_set *set, const char *tenant,
        uint8_t digest[static DIGEST_BYTES], uint64_t *emitted)
{
	for (uint32_t i = 0; i < set->n_digests; i++)
		if (strcmp(set->digests[i].tenant, tenant) == 0) {
			memcpy(digest, set->digests[i].digest, DIGEST_BYTES);
			*emitted = set->digests[i].emitted;
			return true;
		}
	return false;
}

void files_write(const struct file_set *set, struct json_out *o)
{
	char text[DIGEST_TEXT_MAX];

	json_out_open(o, "files", '{');
	for (uint32_t i = 0; i < set->n_documents; i++)
		json_out_value(o, set->documents[i].path, json_root(set->documents[i].doc), false);
	json_out_close(o);
	json_out_open(o, "traces", '{');
	for (uint32_t i = 0; i < set->n_digests; i++) {
		json_out_open(o, set->digests[i].tenant, '{');
		json_out_str(o, "digest", digest_text(set->digests[i].digest, text));
		json_out_u64(o, "emitted", set->digests[i].emitted);
		json_out_close(o);
	}
	json_out_close(o);
}

enum status files_unwrap(const char *file, struct jval v, struct json **doc, struct error *err)
{
	struct json_out o;
	enum status rc;

	json_out_init(&o, 0);
	json_out_value(&o, NULL, v, false);
	rc = json_parse(file, o.buf, o.n, doc, err);
	json_out_free(&o);
	return rc;
}

static enum status restore_document(struct file_set *set, struct jval v, struct error *err)
{
	struct json *doc;

	if (set->n_documents == FILES_MAX || strlen(json_key(v)) >= FILES_PATH_MAX)
		return json_error_key(v, err, "expected at most %d files with paths below %d bytes",
		        FILES_MAX, FILES_PATH_MAX);
	if (files_unwrap(json_key(v), v, &doc, err) == ERR_NONE)
		add_document(set, json_key(v), doc);
	return err->code;
}

static enum status restore_trace(struct file_set *set, struct jval v, struct error *err)
{
	const char *text = json_string(json_get(v, "digest"));
	uint8_t digest[DIGEST_BYTES];
	int64_t emitted = 0;

	if (set->n_digests == TRAFFIC_TENANTS_MAX || strlen(json_key(v)) >= FILES_PATH_MAX)
		return json_error_key(v, err, "expected at most %d traces", TRAFFIC_TENANTS_MAX);
	if (!text || strlen(text) != DIGEST_TEXT_MAX - 1 ||
	        !digest_parse(text + strlen("sha256:"), digest))
		return json_error(v, err, "has no digest");
	if (json_i64(json_get(v, "emitted"), &emitted, err) || emitted < 0)
		return json_error(v, err, "does not say how many rows come");
	files_keep_digest(set, json_key(v), digest, (uint64_t)emitted);
	return ERR_NONE;
}

enum status files_restore(struct file_set *set, struct jval bundle, struct error *err)
{
	struct jval files = json_get(bundle, "files"), traces = json_get(bundle, "traces");

	CHECK(set->sealed);
	for (struct jval v = json_first(files); json_type(v) != JSON_NONE; v = json_next(v))
		if (restore_document(set, v, err))
			return err->code;
	for (struct jval v = json_first(traces); json_type(v) != JSON_NONE; v = json_next(v))
		if (restore_trace(set, v, err))
			return err->code;
	return ERR_NONE;
}
