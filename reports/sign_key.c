/* Keys in files. The PEM is taken apart here and not by OpenSSL, which skips what stands around the
 * key, asks the terminal for a pass phrase, and says of everything it does not like that there is
 * no start line: whoever mixes up two files should be told which two. */
#include "reports/sign_private.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "reports/base64.h"

static const char *const PRIVATE = "PRIVATE KEY", *const PUBLIC = "PUBLIC KEY";

enum { LABEL_MAX = 64 };

/* --- in --- */

static enum status refuse(const char *file, struct error *err, const char *what)
{
	return error_at(err, ERR_USAGE, file, 0, 0, NULL, "%s", what);
}

/* The next line without its end; false at the end of the text. */
static bool next_line(const char **at, const char *end, const char **line, size_t *n)
{
	const char *stop;

	if (*at == end)
		return false;
	stop = memchr(*at, '\n', (size_t)(end - *at));
	*line = *at;
	*n = (size_t)((stop ? stop : end) - *at);
	*at = stop ? stop + 1 : end;
	if (*n > 0 && (*line)[*n - 1] == '\r')
		--*n;
	return true;
}

/* "-----BEGIN label-----" */
static bool boundary(const char *line, size_t n, const char *word, char label[static LABEL_MAX])
{
	static const char dashes[] = "-----";
	size_t n_word = strlen(word), head = 5 + n_word + 1;

	if (n < head + 5 || n - head - 5 >= LABEL_MAX || memcmp(line, dashes, 5) != 0 ||
	        memcmp(line + 5, word, n_word) != 0 || line[5 + n_word] != ' ' ||
	        memcmp(line + n - 5, dashes, 5) != 0)
		return false;
	memcpy(label, line + head, n - head - 5);
	label[n - head - 5] = '\0';
	return true;
}

/* Whether the file is what was asked for, as far as its first line tells. */
static enum status check_label(
        const char *file, const char *label, const char *wanted, struct error *err)
{
	if (strcmp(label, wanted) == 0)
		return ERR_NONE;
	if (strcmp(label, PUBLIC) == 0)
		return refuse(file, err, "expected a private key, found the public half of one");
	if (strcmp(label, PRIVATE) == 0)
		return refuse(file, err, "expected a public key, found a private one");
	if (strcmp(label, "ENCRYPTED PRIVATE KEY") == 0)
		return refuse(file, err, "is encrypted with a pass phrase, which is not supported");
	return error_at(err, ERR_USAGE, file, 0, 0, NULL,
	        "expected an Ed25519 key in PEM (%s), found '%s'", wanted, label);
}

/* The DER between the two boundaries: *n bytes in der, which has room for SIGN_PEM_MAX. */
static enum status unwrap(const char *file, const char *pem, size_t n_pem, const char *wanted,
        uint8_t *der, size_t *n, struct error *err)
{
	char label[LABEL_MAX], text[SIGN_PEM_MAX];
	const char *at = pem, *end = pem + n_pem, *line;
	size_t n_line, n_text = 0;
	bool ended = false;

	if (!next_line(&at, end, &line, &n_line) || !boundary(line, n_line, "BEGIN", label))
		return refuse(file, err, "expected an Ed25519 key in PEM, found no BEGIN line");
	if (check_label(file, label, wanted, err))
		return err->code;
	while (!ended && next_line(&at, end, &line, &n_line)) {
		ended = boundary(line, n_line, "END", label);
		if (!ended) {
			memcpy(text + n_text, line, n_line);
			n_text += n_line;
		}
	}
	if (!ended || strcmp(label, wanted) != 0)
		refuse(file, err, "the key has no END line");
	else if (at != end)
		refuse(file, err, "there is something behind the key");
	else if (!base64_decode(text, n_text, der, n))
		refuse(file, err, "between BEGIN and END is no base64");
	OPENSSL_cleanse(text, sizeof(text));
	return err->code;
}

static EVP_PKEY *decode(const uint8_t *der, size_t n, bool private)
{
	const uint8_t *p = der;
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY *pkey = NULL;

	if (private) {
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)n);
		if (info)
			pkey = EVP_PKCS82PKEY(info);
		PKCS8_PRIV_KEY_INFO_free(info);
	} else {
		pkey = d2i_PUBKEY(NULL, &p, (long)n);
	}
	if (pkey && p != der + n) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return pkey;
}

/* Whether these bytes are how the key is written: a second spelling would have the same id. */
static bool is_plain(EVP_PKEY *pkey, const uint8_t *der, size_t n, bool private)
{
	PKCS8_PRIV_KEY_INFO *info = private ? EVP_PKEY2PKCS8(pkey) : NULL;
	uint8_t *again = NULL;
	int length = private ? i2d_PKCS8_PRIV_KEY_INFO(info, &again) : i2d_PUBKEY(pkey, &again);
	bool same = length > 0 && (size_t)length == n && memcmp(again, der, n) == 0;

	if (length > 0)
		OPENSSL_clear_free(again, (size_t)length);
	PKCS8_PRIV_KEY_INFO_free(info);
	return same;
}

enum status sign_key_read(const char *file, const char *pem, size_t n, bool private,
        struct sign_key **out, struct error *err)
{
	uint8_t der[SIGN_PEM_MAX];
	EVP_PKEY *pkey = NULL;
	size_t n_der;

	if (n > SIGN_PEM_MAX)
		return refuse(file, err, "is too long for a key");
	if (unwrap(file, pem, n, private ? PRIVATE : PUBLIC, der, &n_der, err))
		goto out;
	pkey = decode(der, n_der, private);
	if (!pkey)
		refuse(file, err, "holds no key that OpenSSL could read");
	else if (EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519)
		error_at(err, ERR_USAGE, file, 0, 0, NULL, "expected an Ed25519 key, found %s",
		        OBJ_nid2sn(EVP_PKEY_get_id(pkey)));
	else if (!is_plain(pkey, der, n_der, private))
		refuse(file, err, "holds an Ed25519 key with something added");
	else
		*out = sign_key_own(pkey, private);
	if (err->code)
		EVP_PKEY_free(pkey);
out:
	ERR_clear_error();
	OPENSSL_cleanse(der, sizeof(der));
	return err->code;
}

/* Up to max bytes of a regular file; the number, or -1 with errno. */
static ssize_t slurp(const char *path, char *buf, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return -1;
	do {
		got = read(fd, buf + n, max - n);
		if (got > 0)
			n += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	close(fd);
	return got < 0 ? -1 : (ssize_t)n;
}

static enum status load(const char *path, bool private, struct sign_key **out, struct error *err)
{
	char pem[SIGN_PEM_MAX + 1];
	ssize_t n = slurp(path, pem, sizeof(pem));
	enum status status;

	if (n < 0)
		return error_at(err, ERR_USAGE, path, 0, 0, NULL, "cannot read the key: %s",
		        strerror(errno));
	status = sign_key_read(path, pem, (size_t)n, private, out, err);
	OPENSSL_cleanse(pem, sizeof(pem));
	return status;
}

enum status sign_key_load_private(const char *path, struct sign_key **out, struct error *err)
{
	return load(path, true, out, err);
}

enum status sign_key_load_public(const char *path, struct sign_key **out, struct error *err)
{
	return load(path, false, out, err);
}

/* --- out --- */

/* A file that was not there before, with all of the text on the disk, or none. */
static enum status create(
        const char *path, mode_t mode, const char *text, size_t n, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	size_t done = 0;
	bool ok = true;

	if (fd < 0 && errno == EEXIST)
		return error_at(
		        err, ERR_USAGE, path, 0, 0, NULL, "exists, and a key is never overwritten");
	if (fd < 0)
		return error_set(
		        err, ERR_ENVIRONMENT, "cannot write '%s': %s", path, strerror(errno));
	if (mode == 0600)
		ok = fchmod(fd, mode) == 0; /* whatever the umask takes away */
	while (ok && done < n) {
		ssize_t wrote = write(fd, text + done, n - done);

		if (wrote > 0)
			done += (size_t)wrote;
		else
			ok = wrote < 0 && errno == EINTR;
	}
	ok = ok && fsync(fd) == 0;
	if (!ok) {
		error_set(err, ERR_ENVIRONMENT, "cannot write '%s': %s", path, strerror(errno));
		unlink(path);
	}
	close(fd);
	return err->code;
}

/* The key in PEM, in memory that is wiped with it. */
static BIO *write_pem(const struct sign_key *k, bool private)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int ok;

	CHECK(bio != NULL);
	ok = private ? PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL)
	             : PEM_write_bio_PUBKEY(bio, k->pkey);
	CHECK(ok == 1);
	return bio;
}

size_t sign_key_public(const struct sign_key *k, char pem[static SIGN_PEM_MAX])
{
	BIO *bio = write_pem(k, false);
	char *text;
	long n = BIO_get_mem_data(bio, &text);

	CHECK(n > 0 && n <= SIGN_PEM_MAX);
	memcpy(pem, text, (size_t)n);
	BIO_free(bio);
	return (size_t)n;
}

static enum status save_pem(
        const struct sign_key *k, const char *path, bool private, struct error *err)
{
	BIO *bio = write_pem(k, private);
	char *text;
	long n = BIO_get_mem_data(bio, &text);

	CHECK(n > 0);
	(void)create(path, private ? 0600 : 0666, text, (size_t)n, err);
	BIO_free(bio);
	return err->code;
}

enum status sign_key_save(const struct sign_key *k, const char *path, struct error *err)
{
	size_t n = strlen(path) + sizeof(".pub");
	char *public = mem_alloc(n, 1);

	CHECK(k->private);
	memcpy(public, path, strlen(path));
	memcpy(public + strlen(path), ".pub", sizeof(".pub"));
	if (save_pem(k, path, true, err) == ERR_NONE && save_pem(k, public, false, err))
		unlink(path);
	mem_free(public);
	return err->code;
}
