/* Addresses as people write them. What a text wants to be is told by its looks, so that a mistake
 * in it is answered in its own terms: six pairs of hex digits are a MAC, "r0…" is a component, a
 * dot makes it IPv4, a colon IPv6, and so on. No socket library: this is pure code. */
#include <stdio.h>
#include <string.h>

#include "harness/base/wire.h"
#include "reports/audit_places.h"

enum { MAC_TEXT = 17, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

static const char generic[] =
        "an address (\"10.0.0.7\", \"10.0.0.0/24\", \"fd00::/64\", \"02:00:00:00:00:01\"), a port "
        "(\"udp:4700\") or a component (\"r0.n3\")";

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* All of [s, end) as a decimal number up to max, without leading zeros. */
static bool number(const char *s, const char *end, uint32_t max, uint32_t *out)
{
	uint32_t n = 0;

	if (s == end || end - s > 5 || (*s == '0' && end - s > 1))
		return false;
	for (; s < end; s++) {
		if (!is_digit(*s))
			return false;
		n = n * 10 + (uint32_t)(*s - '0');
	}
	*out = n;
	return n <= max;
}

static bool port_number(const char *s, const char *end, uint16_t *out)
{
	uint32_t n;

	if (!number(s, end, UINT16_MAX, &n) || n == 0)
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool ipv4(const char *s, const char *end, uint8_t out[static 4])
{
	for (unsigned i = 0; i < 4; i++) {
		const char *stop = s;
		uint32_t n;

		while (stop < end && *stop != '.')
			stop++;
		if (!number(s, stop, 255, &n) || (stop < end) != (i < 3))
			return false;
		out[i] = (uint8_t)n;
		s = stop + 1;
	}
	return true;
}

/* One group of IPv6 up to the next colon or the end; moves *s behind it. */
static bool ipv6_group(const char **s, const char *end, uint8_t out[static 2])
{
	unsigned value = 0, n = 0;

	for (; *s < end && **s != ':'; (*s)++, n++) {
		int digit = hex_value(**s);

		if (digit < 0 || n == 4)
			return false;
		value = value << 4 | (unsigned)digit;
	}
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return n > 0;
}

/* RFC 4291, section 2.2: eight groups, or fewer with one "::"; the last two may be IPv4. */
static bool ipv6(const char *s, const char *end, uint8_t out[static 16])
{
	unsigned n = 0, gap = UINT8_MAX;

	memset(out, 0, 16);
	if (end - s >= 2 && s[0] == ':' && s[1] == ':') {
		gap = 0;
		s += 2;
	}
	while (s < end) {
		if (n <= 12 && memchr(s, '.', (size_t)(end - s)) &&
		        !memchr(s, ':', (size_t)(end - s))) {
			if (!ipv4(s, end, out + n))
				return false;
			n += 4;
			break;
		}
		if (n == 16 || !ipv6_group(&s, end, out + n))
			return false;
		n += 2;
		if (s == end)
			break;
		s++; /* the colon */
		if (s == end)
			return false;
		if (*s == ':') {
			if (gap != UINT8_MAX)
				return false;
			gap = n;
			s++;
		}
	}
	if (gap == UINT8_MAX)
		return n == 16;
	if (n > 14)
		return false;
	memmove(out + 16 - (n - gap), out + gap, n - gap);
	memset(out + gap, 0, 16 - n);
	return true;
}

/* --- what the text looks like -------------------------------------------------------- */

static bool looks_like_mac(const char *text)
{
	size_t n = strcspn(text, "/");

	if (n != MAC_TEXT)
		return false;
	for (size_t i = 0; i < n; i++)
		if (i % 3 == 2 ? text[i] != ':' && text[i] != '-' : hex_value(text[i]) < 0)
			return false;
	return true;
}

/* Bits of value beyond the prefix; cleared in it. */
static bool clear_host_bits(uint8_t *value, unsigned bits, unsigned all)
{
	bool any = false;

	for (unsigned i = bits; i < all; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		any = any || value[i / 8] & bit;
		value[i / 8] = (uint8_t)(value[i / 8] & ~bit);
	}
	return any;
}

/* "/24" behind an address of `all` bits, or nothing. */
static const char *prefix(const char *slash, unsigned all, uint8_t *value, struct place *out,
        char buf[static PLACE_EXPECTED_MAX])
{
	uint32_t bits = all;

	if (slash && !number(slash + 1, slash + strlen(slash), all, &bits)) {
		snprintf(buf, PLACE_EXPECTED_MAX, "a prefix of 0 to %u bits behind the \"/\"", all);
		return buf;
	}
	out->bits = (uint8_t)bits;
	if (clear_host_bits(value, bits, all)) {
		snprintf(buf, PLACE_EXPECTED_MAX,
		        "an address whose bits beyond the first %u are zero, as \"/%u\" says", bits,
		        bits);
		return buf;
	}
	return NULL;
}

static const char unicast[] = "an address of one host: multicast and broadcast are in no rack";

static const char *parse_mac(
        const char *text, struct place *out, char buf[static PLACE_EXPECTED_MAX])
{
	const char *slash = strchr(text, '/');

	out->kind = PLACE_MAC;
	for (unsigned i = 0; i < 6; i++)
		out->value[i] = (uint8_t)(hex_value(text[3 * i]) << 4 | hex_value(text[3 * i + 1]));
	if (out->value[0] & 1)
		return unicast;
	return prefix(slash, 48, out->value, out, buf);
}

static const char *parse_ipv4(
        const char *text, struct place *out, char buf[static PLACE_EXPECTED_MAX])
{
	const char *slash = strchr(text, '/'), *colon = strchr(text, ':');
	const char *end = text + strcspn(text, "/:");

	out->kind = PLACE_IPV4;
	if (!ipv4(text, end, out->value + 12))
		return "an IPv4 address of four numbers up to 255";
	if ((out->value[12] >= 224 && out->value[12] < 240) || strcmp(text, "255.255.255.255") == 0)
		return unicast;
	if (!colon)
		return prefix(slash, 32, out->value + 12, out, buf);
	out->kind = PLACE_SOCKET;
	out->bits = 32;
	if (slash || !port_number(colon + 1, colon + strlen(colon), &out->port))
		return "a port of 1 to 65535 behind one address";
	return NULL;
}

static const char *parse_ipv6(
        const char *text, struct place *out, char buf[static PLACE_EXPECTED_MAX])
{
	const char *slash = strchr(text, '/');

	out->kind = PLACE_IPV6;
	if (!ipv6(text, text + strcspn(text, "/"), out->value))
		return "an IPv6 address (RFC 4291; with a port: \"[fd00::1]:4700\")";
	if (out->value[0] == 0xff)
		return unicast;
	return prefix(slash, 128, out->value, out, buf);
}

static const char *parse_bracket(const char *text, struct place *out)
{
	const char *close = strchr(text, ']');

	out->kind = PLACE_SOCKET;
	out->bits = 128;
	if (!close || close[1] != ':' || !ipv6(text + 1, close, out->value) ||
	        !port_number(close + 2, close + strlen(close), &out->port))
		return "an IPv6 address with a port: \"[fd00::1]:4700\"";
	return out->value[0] == 0xff ? unicast : NULL;
}

/* What stands before the number of a port, or NULL. */
static const char *port_text(const char *text, uint8_t *protocol)
{
	static const struct {
		const char *word;
		uint8_t protocol;
	} forms[] = {{"port ", 0}, {"tcp:", PROTOCOL_TCP}, {"udp:", PROTOCOL_UDP}};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (strncmp(text, forms[i].word, strlen(forms[i].word)) != 0)
			continue;
		*protocol = forms[i].protocol;
		return text + strlen(forms[i].word);
	}
	*protocol = 0;
	return text[0] == ':' && text[1] != ':' ? text + 1 : NULL;
}

static const char *parse_component(const char *text, struct place *out)
{
	struct wire_end end;

	out->kind = PLACE_COMPONENT;
	if (!wire_end_parse(text, &end))
		return "a component as the emulator names it (\"r0\", \"r0.n3\", \"r0.n3.c5\")";
	memcpy(out->value, &end.rack, 2);
	memcpy(out->value + 2, &end.node, 2);
	memcpy(out->value + 4, &end.chip, 2);
	return NULL;
}

const char *place_parse(const char *text, struct place *out, char buf[static PLACE_EXPECTED_MAX])
{
	const char *port;

	memset(out, 0, sizeof(*out));
	port = port_text(text, &out->protocol);
	if (port) {
		out->kind = PLACE_PORT;
		if (!port_number(port, port + strlen(port), &out->port))
			return "a port of 1 to 65535 (\":4700\", \"tcp:4700\", \"udp:4700\")";
		return NULL;
	}
	if (looks_like_mac(text))
		return parse_mac(text, out, buf);
	if (text[0] == '[')
		return parse_bracket(text, out);
	if (text[0] == 'r' && is_digit(text[1]))
		return parse_component(text, out);
	if (is_digit(text[0]) && text[strspn(text, "0123456789")] == '.')
		return parse_ipv4(text, out, buf);
	if (strchr(text, ':') && hex_value(text[strspn(text, ":")]) >= 0)
		return parse_ipv6(text, out, buf);
	return strcmp(text, "::") == 0 || strncmp(text, "::/", 3) == 0 ? parse_ipv6(text, out, buf)
	                                                               : generic;
}
