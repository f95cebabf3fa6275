#include "reports/audit_words.h"
#include <stdio.h>
#include "harness/base/units.h"

enum { DAYS_OF_ERA = 146097, DAYS_TO_1970 = 719468, SECONDS_OF_DAY = 86400 };

/* Days since 1970 → civil date, counting years from March: leap days then come last (Hinnant,
 * "chrono-compatible low-level date algorithms", civil_from_days). */
static void civil(int64_t days, int *year, unsigned *month, unsigned *day)
{
	int64_t z = days + DAYS_TO_1970;
	int64_t era = (z >= 0 ? z : z - (DAYS_OF_ERA - 1)) / DAYS_OF_ERA;
	unsigned doe = (unsigned)(z - era * DAYS_OF_ERA);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int)(yoe + era * 400) + (*month <= 2);
}

const char *audit_time(int64_t ns, char buf[static AUDIT_WORD_MAX])
{
	int64_t s = ns / NS_PER_S, rest = ns % NS_PER_S, days, second;
	unsigned month, day;
	int year;

	if (rest < 0) {
		rest += NS_PER_S;
		s--;
	}
	days = s / SECONDS_OF_DAY - (s % SECONDS_OF_DAY < 0);
	second = s - days * SECONDS_OF_DAY;
	civil(days, &year, &month, &day);
	snprintf(buf, AUDIT_WORD_MAX, "%04d-%02u-%02uT%02d:%02d:%02d.%09lldZ", year, month, day,
	        (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60), (long long)rest);
	return buf;
}

/* The longest run of zero groups, of two at least; the first of equals. */
static unsigned zero_run(const uint8_t *b, unsigned *length)
{
	unsigned best = 8, n = 0;

	*length = 1;
	for (unsigned i = 0; i < 8; i++) {
		n = b[2 * i] || b[2 * i + 1] ? 0 : n + 1;
		if (n > *length) {
			*length = n;
			best = i + 1 - n;
		}
	}
	return best;
}

static const char *ipv6_text(const uint8_t *b, char buf[static AUDIT_WORD_MAX])
{
	unsigned length, gap = zero_run(b, &length), i = 0;
	size_t n = 0;

	while (i < 8) {
		if (i == gap) {
			n += (size_t)snprintf(buf + n, AUDIT_WORD_MAX - n, "::");
			i += length;
			continue;
		}
		n += (size_t)snprintf(buf + n, AUDIT_WORD_MAX - n, "%s%x",
		        n && buf[n - 1] != ':' ? ":" : "", (unsigned)b[2 * i] << 8 | b[2 * i + 1]);
		i++;
	}
	return buf;
}

const char *audit_address_text(
        enum audit_net net, const struct audit_address *a, char buf[static AUDIT_WORD_MAX])
{
	const uint8_t *b = a->bytes;

	if (net == AUDIT_NET_IPV6)
		return ipv6_text(b, buf);
	if (net != AUDIT_NET_IPV4)
		return NULL;
	snprintf(buf, AUDIT_WORD_MAX, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
	return buf;
}

const char *audit_mac_text(const uint8_t mac[static 6], char buf[static AUDIT_WORD_MAX])
{
	snprintf(buf, AUDIT_WORD_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
	        mac[3], mac[4], mac[5]);
	return buf;
}

const char *audit_verdict(const struct audit_result *r)
{
	return r->fail ? "fail" : r->pass ? "pass" : "inconclusive";
}

const char *audit_net_name(enum audit_net net)
{
	static const char *const names[] = {[AUDIT_NET_OTHER] = "other",
	        [AUDIT_NET_IPV4] = "ipv4",
	        [AUDIT_NET_IPV6] = "ipv6",
	        [AUDIT_NET_OURS] = "lpuchaos"};

	CHECK(net < ARRAY_LEN(names));
	return names[net];
}

const char *audit_scope_name(enum audit_scope s)
{
	return s == AUDIT_SCOPE_POD ? "pod" : "rack";
}

const char *audit_unclassified_name(enum audit_unclassified u)
{
	return u == AUDIT_UNCLASSIFIED_FAIL   ? "fail"
	       : u == AUDIT_UNCLASSIFIED_WARN ? "warn"
	                                      : "ignore";
}

const char *audit_class_text(const struct audit_topology *t, int class)
{
	return class >= 0 ? t->classes[class].name : NULL;
}

const char *audit_rack_text(const struct audit_topology *t, int rack)
{
	return rack >= 0 ? t->racks[rack].name : NULL;
}

const char *audit_crosses(const struct audit_topology *t, const int rack[static 2])
{
	if (rack[0] < 0 || rack[1] < 0)
		return "outside";
	if (rack[0] == rack[1])
		return "no";
	return t->racks[rack[0]].pod == t->racks[rack[1]].pod ? "rack" : "pod";
}

const char *audit_doubt_text(enum audit_doubt d)
{
	static const char *const texts[] = {
	        [DOUBT_DROPPED] =
	                "packets were dropped by the kernel or the interface; nobody knows "
	                "what they were (a larger buffer, a faster disk)",
	        [DOUBT_TRUNCATED] = "packets were captured in part (capture with a snap length of "
	                            "262144)",
	        [DOUBT_BROKEN] = "packets have headers that contradict themselves",
	        [DOUBT_FRAGMENTS] = "fragments came without the first one of their datagram, which "
	                            "alone says what they are",
	        [DOUBT_CUT] = "captures end in the middle of a record: what followed is not known",
	        [DOUBT_TIME] = "packets are older than one before them by more than a second: "
	                       "somebody set a clock, or the capture was put together",
	        [DOUBT_EMPTY] = "captures, and not one packet in them: nothing was seen"};

	CHECK(d < ARRAY_LEN(texts));
	return texts[d];
}
