/* A rack is known by its name, which tells whose component it is, by its management network, and by
 * the addresses of its frames: a frame whose header cannot be read is still from somewhere.
 *
 * Every class is told by what makes a message what it is, never by who sends it. No class is left
 * for frames without the critical flag: the emulator sends none, so one that crosses racks is
 * unclassified, and a violation. */
#include "harness/run/wire_topology.h"

#include <stdio.h>

#include "harness/base/wire.h"

enum { ADDRESS_BYTES = 40, FILTER_BYTES = 64 };

static void rack_out(const struct topology *t, uint32_t rack, struct json_out *o)
{
	struct wire_end end = {(uint16_t)rack, WIRE_NONE, WIRE_NONE};
	uint32_t net = wire_ipv4((struct wire_end){(uint16_t)rack, 0, WIRE_NONE});
	char text[ADDRESS_BYTES], name[WIRE_NAME_BYTES];

	json_out_open(o, NULL, '{');
	json_out_str(o, "name", wire_name(end, name));
	(void)snprintf(text, sizeof(text), "p%u", (unsigned)t->pod_of_rack[rack]);
	json_out_str(o, "pod", text);
	json_out_open(o, "addresses", '[');
	json_out_str(o, NULL, name);
	(void)snprintf(text, sizeof(text), "%u.%u.%u.0/24", (unsigned)(net >> 24),
	        (unsigned)(net >> 16 & 255), (unsigned)(net >> 8 & 255));
	json_out_str(o, NULL, text);
	(void)snprintf(text, sizeof(text), "02:4c:%02x:%02x:00:00/32", (unsigned)(rack >> 8),
	        (unsigned)(rack & 255));
	json_out_str(o, NULL, text);
	json_out_close(o);
	json_out_close(o);
}

static void class_out(const char *name, const char *filter, bool critical, struct json_out *o)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "name", name);
	json_out_str(o, "filter", filter);
	json_out_bool(o, "critical", critical);
	json_out_close(o);
}

static void port_class_out(const char *name, unsigned port, struct json_out *o)
{
	char filter[FILTER_BYTES];

	(void)snprintf(filter, sizeof(filter), "udp port %u", port);
	class_out(name, filter, false, o);
}

void wire_topology(const struct deployment *d, bool scope_pod, struct json_out *o)
{
	char filter[FILTER_BYTES];

	json_out_open(o, NULL, '{');
	json_out_i64(o, "version", 1);
	json_out_open(o, "racks", '[');
	for (uint32_t r = 0; r < d->topology.n_racks; r++)
		rack_out(&d->topology, r, o);
	json_out_close(o);
	json_out_open(o, "classes", '[');
	/* Byte 15 are the frame's flags, bit 0 of them: critical. */
	(void)snprintf(filter, sizeof(filter), "ether proto 0x%04x and ether[15] & 1 != 0",
	        (unsigned)WIRE_ETHERTYPE);
	class_out("critical-path", filter, true, o);
	port_class_out("control", WIRE_PORT_CONTROL, o);
	port_class_out("telemetry", WIRE_PORT_TELEMETRY, o);
	port_class_out("artifact", WIRE_PORT_ARTIFACT, o);
	json_out_close(o);
	json_out_open(o, "policy", '{');
	json_out_str(o, "scope", scope_pod ? "pod" : "rack");
	json_out_str(o, "unclassified_cross_rack", "fail");
	json_out_close(o);
	json_out_close(o);
}
