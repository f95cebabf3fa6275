/* Names of what a fault may hit. */
#include "faults/kind.h"

#include <stdio.h>

const char *fault_target_class_name(unsigned one_class)
{
	switch (one_class) {
	case FAULT_TARGET_C2C_LINK:
		return "c2c link";
	case FAULT_TARGET_ETHERNET:
		return "ethernet link";
	case FAULT_TARGET_CHIP:
		return "chip";
	case FAULT_TARGET_NODE:
		return "node";
	case FAULT_TARGET_TRAFFIC:
		return "traffic entry";
	case FAULT_TARGET_PDU:
		return "PDU";
	case FAULT_TARGET_FAN:
		return "fan";
	case FAULT_TARGET_RACK:
		return "rack";
	case FAULT_TARGET_POOL:
		return "pool";
	case FAULT_TARGET_FRONTEND:
		return "frontend";
	default:
		UNREACHABLE("one class, not a set");
	}
}

const char *fault_target_classes_text(unsigned classes, char *buf, size_t n)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < FAULT_TARGET_CLASSES && at < n; i++) {
		const char *name;

		if (!(classes >> i & 1))
			continue;
		name = fault_target_class_name(1u << i);
		at += (size_t)snprintf(buf + at, n - at, "%s%s %s", at ? " or " : "",
		        name[0] == 'e' ? "an" : "a", name);
	}
	return buf;
}
