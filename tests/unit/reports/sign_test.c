/* Keys and signatures: a known answer, every byte of it bent, keys in files, and the openssl
 * program, which must agree with all of it. */
#include "reports/sign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/digest.h"
#include "reports/base64.h"
#include "reports/statement.h"
#include "tests/support/run_suite.h"

/* Made elsewhere, from the seed 00, 01, … 1f. */
static const char BODY[] =
        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"rack.json\","
        "\"digest\":{\"sha256\":"
        "\"8e9d1a8d5b1863f1e99ed1bd8a1b7bd1ea8e19f704f5859adbcf5cdce5ca7cd9\"}}],"
        "\"predicateType\":\"https://in-toto.io/attestation/test-result/v0.1\",\"predicate\":{"
        "\"result\":\"PASSED\",\"configuration\":[{\"name\":\"scenario.json\",\"digest\":{"
        "\"sha256\":"
        "\"ee26f4137f88e2408f3f2e85b7d753592ca4b8034392d2bbd17247956c849c0a\"}}],"
        "\"passedTests\":[\"link-flap-1\"],\"warnedTests\":[],\"failedTests\":[]}}";
static const char PAE_SHA256[] =
        "sha256:f17f287a2466d924056268c93300833069f3f164dbfff7660f3cc55f06acd61a";
static const char SIG[] =
        "804zbPdDMnlNmU25D+94/U8yS5L5lPKa1GleueLrAF0ANaBlCl1xbmmloEShZmZw+iA6i0IUutw8"
        "cEF7NjKECA==";
/* openssl pkey -pubout -outform DER of that seed's key | sha256sum */
static const char KEYID[] = "a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5";

static struct sign_key *known_key(void)
{
	uint8_t seed[SIGN_SEED_BYTES];

	for (unsigned i = 0; i < SIGN_SEED_BYTES; i++)
		seed[i] = (uint8_t)i;
	return sign_key_of_seed(seed);
}

static void known_envelope(const struct sign_key *k, struct json_out *o)
{
	json_out_init(o, 0);
	sign_envelope(k, DSSE_IN_TOTO, BODY, strlen(BODY), o);
}

START_TEST(the_known_answer)
{
	struct sign_key *k = known_key();
	uint8_t digest[DIGEST_BYTES], sig[SIGN_SIG_BYTES];
	char text[DIGEST_TEXT_MAX], sig_text[BASE64_CHARS(SIGN_SIG_BYTES) + 1];
	size_t n;
	uint8_t *pae = dsse_pae(DSSE_IN_TOTO, BODY, strlen(BODY), &n);

	ck_assert_uint_eq(strlen(BODY), 455);
	sha256_of(pae, n, digest);
	ck_assert_str_eq(digest_text(digest, text), PAE_SHA256);
	sign_bytes(k, pae, n, sig);
	base64_encode(sig, sizeof(sig), sig_text);
	ck_assert_str_eq(sig_text, SIG);
	ck_assert(sign_is_of(k, pae, n, sig, sizeof(sig)));
	ck_assert(!sign_is_of(k, pae, n, sig, sizeof(sig) - 1));
	ck_assert_str_eq(sign_key_id(k), KEYID);
	mem_free(pae);
	sign_key_free(k);
}
END_TEST

START_TEST(the_known_envelope)
{
	struct sign_key *k = known_key();
	struct error err = ERROR_INIT;
	struct dsse_envelope e;
	struct json_out o;
	struct arena a;
	char tail[512];

	known_envelope(k, &o);
	snprintf(tail, sizeof(tail),
	        "\",\"payloadType\":\"application/"
	        "vnd.in-toto+json\",\"signatures\":[{\"keyid\":\"%s\","
	        "\"sig\":\"%s\"}]}",
	        KEYID, SIG);
	ck_assert_str_eq(o.buf + o.n - strlen(tail), tail);
	arena_init(&a, 0);
	ck_assert_int_eq(dsse_read("e", o.buf, o.n, &a, &e, &err), ERR_NONE);
	ck_assert_uint_eq(e.n, strlen(BODY));
	ck_assert_mem_eq(e.body, BODY, e.n);
	ck_assert_int_eq(sign_check(k, &e), SIGN_VALID);
	arena_free(&a);
	json_out_free(&o);
	sign_key_free(k);
}
END_TEST

/* sign_check with one byte of what `bent` points at turned by `mask`. */
static enum sign_answer check_bent(
        const struct sign_key *k, const struct dsse_envelope *e, uint8_t *bent, uint8_t mask)
{
	enum sign_answer answer;

	*bent ^= mask;
	answer = sign_check(k, e);
	*bent ^= mask;
	return answer;
}

START_TEST(every_bent_byte_is_seen)
{
	struct sign_key *k = known_key();
	uint8_t body[sizeof(BODY) - 1], sig[SIGN_SIG_BYTES];
	char type[] = DSSE_IN_TOTO;
	struct dsse_signature s = {.keyid = KEYID, .sig = sig, .n = sizeof(sig)};
	struct dsse_envelope e = {
	        .type = type, .body = body, .n = sizeof(body), .signatures = &s, .n_signatures = 1};
	size_t n;

	memcpy(body, BODY, sizeof(body));
	ck_assert(base64_decode(SIG, strlen(SIG), sig, &n));
	ck_assert_int_eq(sign_check(k, &e), SIGN_VALID);
	for (unsigned bit = 0; bit < 8; bit++) {
		uint8_t mask = (uint8_t)(1u << bit);

		for (size_t i = 0; i < sizeof(sig); i++)
			ck_assert_int_eq(check_bent(k, &e, &sig[i], mask), SIGN_ALTERED);
		for (size_t i = 0; i < strlen(DSSE_IN_TOTO); i++)
			ck_assert_int_eq(
			        check_bent(k, &e, (uint8_t *)&type[i], mask), SIGN_ALTERED);
	}
	for (size_t i = 0; i < sizeof(body); i++)
		ck_assert_int_eq(check_bent(k, &e, &body[i], 1), SIGN_ALTERED);
	e.n--;
	ck_assert_int_eq(sign_check(k, &e), SIGN_ALTERED);
	sign_key_free(k);
}
END_TEST

/* One byte of the envelope's line turned: what is still an envelope was not signed by this key. */
START_TEST(every_bent_byte_of_the_line_is_seen)
{
	struct sign_key *k = known_key();
	unsigned read = 0;
	struct json_out o;

	known_envelope(k, &o);
	for (size_t i = 0; i < o.n; i++) {
		struct error err = ERROR_INIT;
		struct dsse_envelope e;
		struct arena a;

		arena_init(&a, 0);
		o.buf[i] ^= 1;
		if (dsse_read("e", o.buf, o.n, &a, &e, &err) == ERR_NONE) {
			ck_assert_msg(sign_check(k, &e) != SIGN_VALID, "byte %zu", i);
			read++;
		}
		o.buf[i] ^= 1;
		arena_free(&a);
	}
	ck_assert_uint_gt(read, 500); /* base64 that stayed base64 */
	json_out_free(&o);
	sign_key_free(k);
}
END_TEST

START_TEST(other_keys_are_told_from_altered_bytes)
{
	struct sign_key *k = known_key(), *other = NULL;
	struct error err = ERROR_INIT;
	uint8_t good[SIGN_SIG_BYTES], bad[SIGN_SIG_BYTES] = {0};
	size_t n;
	uint8_t *pae = dsse_pae("t", "b", 1, &n);
	struct dsse_signature s[2] = {{"", bad, sizeof(bad)}, {"", good, sizeof(good)}};
	struct dsse_envelope e = {"t", (const uint8_t *)"b", 1, s, 2};

	sign_bytes(k, pae, n, good);
	ck_assert_int_eq(sign_key_new(&other, &err), ERR_NONE);
	ck_assert_str_ne(sign_key_id(k), sign_key_id(other));
	ck_assert_int_eq(sign_check(k, &e), SIGN_VALID); /* one of them is enough */
	ck_assert_int_eq(sign_check(other, &e), SIGN_ALTERED);
	s[0].keyid = s[1].keyid = sign_key_id(k);
	ck_assert_int_eq(sign_check(k, &e), SIGN_VALID);
	ck_assert_int_eq(sign_check(other, &e), SIGN_OTHER_KEY);
	s[1].keyid = sign_key_id(other);
	ck_assert_int_eq(sign_check(k, &e), SIGN_ALTERED);
	mem_free(pae);
	sign_key_free(k);
	sign_key_free(other);
}
END_TEST

/* --- keys in files --- */

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[4][128];
	static unsigned at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[at]), "%s/%s", folder, name);
	return path[at];
}

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/lpc-sign-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* Runs in the folder; the exit code. */
static int shell(const char *command)
{
	char line[1024];
	int status;

	snprintf(line, sizeof(line), "cd %s && { %s; } 2>/dev/null", folder, command);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void remove_folder(void)
{
	ck_assert_int_eq(shell("rm -f -- * && rmdir -- $PWD"), 0);
}

static void put(const char *name, const void *data, size_t n)
{
	FILE *f = fopen(in_folder(name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static size_t get(const char *name, char *buf, size_t max)
{
	FILE *f = fopen(in_folder(name), "rb");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(buf, 1, max - 1, f);
	buf[n] = '\0';
	fclose(f);
	return n;
}

START_TEST(keys_come_back_from_their_files)
{
	struct sign_key *k = NULL, *private = NULL, *public = NULL;
	struct error err = ERROR_INIT;
	uint8_t sig[SIGN_SIG_BYTES];
	struct stat st;

	ck_assert_int_eq(sign_key_new(&k, &err), ERR_NONE);
	umask(0777);
	ck_assert_int_eq(sign_key_save(k, in_folder("a"), &err), ERR_NONE);
	umask(022);
	ck_assert_int_eq(sign_key_save(k, in_folder("k"), &err), ERR_NONE);
	ck_assert_int_eq(stat(in_folder("a"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(stat(in_folder("k"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(stat(in_folder("k.pub"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0644);
	ck_assert_int_eq(sign_key_load_private(in_folder("k"), &private, &err), ERR_NONE);
	ck_assert_int_eq(sign_key_load_public(in_folder("k.pub"), &public, &err), ERR_NONE);
	ck_assert(sign_key_is_private(private) && !sign_key_is_private(public));
	ck_assert_str_eq(sign_key_id(k), sign_key_id(private));
	ck_assert_str_eq(sign_key_id(k), sign_key_id(public));
	sign_bytes(private, "x", 1, sig);
	ck_assert(sign_is_of(public, "x", 1, sig, sizeof(sig)));
	ck_assert(!sign_is_of(public, "y", 1, sig, sizeof(sig)));
	sign_key_free(k);
	sign_key_free(private);
	sign_key_free(public);
}
END_TEST

static void assert_not_saved(
        const struct sign_key *k, const char *path, enum status code, const char *said)
{
	struct error err = ERROR_INIT;
	char line[1024];

	ck_assert_int_eq(sign_key_save(k, path, &err), code);
	error_format(&err, line, sizeof(line));
	ck_assert_msg(strstr(line, said), "%s", line);
}

START_TEST(nothing_is_overwritten)
{
	struct sign_key *k = known_key();
	char text[64];

	put("k", "mine", 4);
	assert_not_saved(k, in_folder("k"), ERR_USAGE, "never overwritten");
	ck_assert_int_eq(access(in_folder("k.pub"), F_OK), -1);
	put("l.pub", "mine", 4);
	assert_not_saved(k, in_folder("l"), ERR_USAGE, "never overwritten");
	ck_assert_int_eq(access(in_folder("l"), F_OK), -1);
	ck_assert_int_eq(symlink("nowhere", in_folder("m")), 0);
	assert_not_saved(k, in_folder("m"), ERR_USAGE, "never overwritten");
	ck_assert_int_eq(access(in_folder("nowhere"), F_OK), -1);
	ck_assert_uint_eq(get("k", text, sizeof(text)), 4);
	ck_assert_str_eq(text, "mine");
	ck_assert_uint_eq(get("l.pub", text, sizeof(text)), 4);
	ck_assert_str_eq(text, "mine");
	assert_not_saved(k, in_folder("no/k"), ERR_ENVIRONMENT, strerror(ENOENT));
	sign_key_free(k);
}
END_TEST

static void refuse(const char *pem, size_t n, bool private, const char *said)
{
	struct error err = ERROR_INIT;
	struct sign_key *k = NULL;
	char line[1024];

	ck_assert_msg(
	        sign_key_read("K", pem, n, private, &k, &err) == ERR_USAGE, "taken: %s", said);
	ck_assert_ptr_null(k);
	error_format(&err, line, sizeof(line));
	ck_assert_msg(
	        strncmp(line, "K: ", 3) == 0 && strstr(line, said), "%s, wanted %s", line, said);
}

static void refuse_with(const char *pem, const char *before, const char *behind, const char *said)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "%s%s%s", before, pem, behind);

	refuse(text, (size_t)n, true, said);
}

/* A key in other words, with one of its DER's bytes more or changed. */
static void refuse_der(
        const char *label, const uint8_t *der, size_t n, bool private, const char *said)
{
	char base64[512], text[1024];
	int length;

	base64_encode(der, n, base64);
	length = snprintf(text, sizeof(text), "-----BEGIN %s-----\n%s\n-----END %s-----\n", label,
	        base64, label);
	refuse(text, (size_t)length, private, said);
}

START_TEST(what_is_no_key_is_refused)
{
	static const uint8_t der[] = {
	        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0, 3, 0xa1, 7};
	struct sign_key *k = known_key(), *back = NULL;
	struct error err = ERROR_INIT;
	char pem[512], public[512];
	uint8_t bytes[64] = {0};
	size_t n;

	ck_assert_int_eq(sign_key_save(k, in_folder("k"), &err), ERR_NONE);
	n = get("k", pem, sizeof(pem));
	for (size_t i = 0; i + 1 < n; i++)
		refuse(pem, i, true, "");
	ck_assert_int_eq(sign_key_read("K", pem, n - 1, true, &back, &err), ERR_NONE);
	sign_key_free(back);
	refuse(pem, n, false, "expected a public key, found a private one");
	refuse_with(pem, "", "x", "behind the key");
	refuse_with(pem, "", pem, "behind the key");
	refuse_with(pem, "\n", "", "no BEGIN line");
	refuse_with(pem, "# mine\n", "", "no BEGIN line");
	refuse("\0\0\0", 3, true, "no BEGIN line");
	n = get("k.pub", public, sizeof(public));
	refuse(public, n, true, "found the public half");
	refuse_der("OPENSSH PRIVATE KEY", der, sizeof(der), true, "found 'OPENSSH PRIVATE KEY'");
	refuse_der("ENCRYPTED PRIVATE KEY", der, sizeof(der), true, "encrypted");
	refuse_der("PUBLIC KEY", der, sizeof(der), false, "holds no key");
	memcpy(bytes, der, sizeof(der));
	for (size_t more = 0; more < 3; more++) /* the right length is 44 */
		refuse_der("PUBLIC KEY", bytes, 45 + more, false, "holds no key");
	memset(pem, '-', sizeof(pem));
	refuse(pem, sizeof(pem), true, "no BEGIN line");
	sign_key_free(k);
}
END_TEST

static void refuse_file(const char *name, bool private, const char *said)
{
	struct error err = ERROR_INIT;
	struct sign_key *k = NULL;
	char line[1024];

	if (private)
		ck_assert_int_eq(sign_key_load_private(in_folder(name), &k, &err), ERR_USAGE);
	else
		ck_assert_int_eq(sign_key_load_public(in_folder(name), &k, &err), ERR_USAGE);
	error_format(&err, line, sizeof(line));
	ck_assert_msg(strstr(line, said) && strstr(line, name), "%s", line);
}

START_TEST(files_that_are_no_keys_are_refused)
{
	char *big = mem_alloc(1 << 20, 1);

	refuse_file("absent", true, strerror(ENOENT));
	refuse_file(".", false, strerror(EISDIR));
	put("big", big, 1 << 20);
	mem_free(big);
	refuse_file("big", false, "too long");
	put("empty", "", 0);
	refuse_file("empty", false, "no BEGIN line");
}
END_TEST

/* --- beside openssl --- */

static void known_files(struct sign_key **k)
{
	struct error err = ERROR_INIT;
	size_t n;
	uint8_t *pae = dsse_pae(DSSE_IN_TOTO, BODY, strlen(BODY), &n);

	*k = known_key();
	ck_assert_int_eq(sign_key_save(*k, in_folder("k"), &err), ERR_NONE);
	put("pae", pae, n);
	mem_free(pae);
}

START_TEST(openssl_reads_our_keys_and_verifies_our_signatures)
{
	struct error err = ERROR_INIT;
	struct dsse_envelope e;
	struct sign_key *k;
	struct json_out o;
	struct arena a;

	known_files(&k);
	known_envelope(k, &o);
	arena_init(&a, 0);
	ck_assert_int_eq(dsse_read("e", o.buf, o.n, &a, &e, &err), ERR_NONE);
	put("sig", e.signatures[0].sig, e.signatures[0].n);
	ck_assert_int_eq(shell("openssl pkey -in k | cmp - k"), 0);
	ck_assert_int_eq(shell("openssl pkey -in k -pubout | cmp - k.pub"), 0);
	ck_assert_int_eq(shell("test $(openssl pkey -pubin -in k.pub -outform DER | sha256sum | "
	                       "cut -d' ' -f1) = "
	                       "a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5"),
	        0);
	ck_assert_int_eq(
	        shell("openssl pkeyutl -verify -pubin -inkey k.pub -rawin -in pae -sigfile sig"),
	        0);
	ck_assert_int_ne(
	        shell("printf x >>pae; openssl pkeyutl -verify -pubin -inkey k.pub -rawin -in "
	              "pae -sigfile sig"),
	        0);
	arena_free(&a);
	json_out_free(&o);
	sign_key_free(k);
}
END_TEST

START_TEST(we_read_openssl_s_keys_and_verify_its_signatures)
{
	struct sign_key *k = NULL, *public = NULL;
	struct error err = ERROR_INIT;
	char pae[1024], sig[128];
	size_t n, n_sig;

	known_files(&k);
	sign_key_free(k);
	ck_assert_int_eq(
	        shell("openssl genpkey -algorithm ed25519 -out o && openssl pkey -in o "
	              "-pubout -out o.pub && openssl pkeyutl -sign -inkey o -rawin -in pae "
	              "-out sig"),
	        0);
	ck_assert_int_eq(sign_key_load_private(in_folder("o"), &k, &err), ERR_NONE);
	ck_assert_int_eq(sign_key_load_public(in_folder("o.pub"), &public, &err), ERR_NONE);
	ck_assert_str_eq(sign_key_id(k), sign_key_id(public));
	n = get("pae", pae, sizeof(pae));
	n_sig = get("sig", sig, sizeof(sig));
	ck_assert(sign_is_of(public, pae, n, (const uint8_t *)sig, n_sig));
	pae[0] ^= 1;
	ck_assert(!sign_is_of(public, pae, n, (const uint8_t *)sig, n_sig));
	sign_key_free(k);
	sign_key_free(public);
}
END_TEST

START_TEST(other_keys_of_openssl_are_refused)
{
	ck_assert_int_eq(
	        shell("openssl genpkey -algorithm x25519 -out x && openssl pkey -in x -pubout "
	              "-out x.pub"),
	        0);
	refuse_file("x", true, "expected an Ed25519 key, found X25519");
	refuse_file("x.pub", false, "expected an Ed25519 key, found X25519");
	ck_assert_int_eq(
	        shell("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out e"), 0);
	refuse_file("e", true, "expected an Ed25519 key, found id-ecPublicKey");
	ck_assert_int_eq(shell("openssl ec -in e -out t"), 0);
	refuse_file("t", true, "found 'EC PRIVATE KEY'");
	ck_assert_int_eq(
	        shell("openssl genpkey -algorithm ed25519 -aes256 -pass pass:p -out c"), 0);
	refuse_file("c", true, "encrypted");
}
END_TEST

static void add_files(Suite *suite, const char *name, const TTest *test)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, make_folder, remove_folder);
	tcase_add_test(tcase, test);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *s = suite_create("reports/sign");

	add_test(s, "answer", the_known_answer);
	add_test(s, "envelope", the_known_envelope);
	add_test(s, "bent", every_bent_byte_is_seen);
	add_test(s, "bent_line", every_bent_byte_of_the_line_is_seen);
	add_test(s, "keys", other_keys_are_told_from_altered_bytes);
	add_files(s, "files", keys_come_back_from_their_files);
	add_files(s, "overwrite", nothing_is_overwritten);
	add_files(s, "no_key", what_is_no_key_is_refused);
	add_files(s, "no_key_file", files_that_are_no_keys_are_refused);
	if (system("command -v openssl >/dev/null") != 0) {
		printf("the openssl program is missing: not compared with it\n");
		return run_suite(s);
	}
	add_files(s, "to_openssl", openssl_reads_our_keys_and_verifies_our_signatures);
	add_files(s, "from_openssl", we_read_openssl_s_keys_and_verify_its_signatures);
	add_files(s, "other_keys", other_keys_of_openssl_are_refused);
	return run_suite(s);
}
