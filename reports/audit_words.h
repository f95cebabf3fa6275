/* What the audit's results are called, for both renderers. */
#ifndef LPC_REPORTS_AUDIT_WORDS_H
#define LPC_REPORTS_AUDIT_WORDS_H

#include "reports/audit.h"

enum { AUDIT_WORD_MAX = 64 };

/* "2026-11-26T01:40:44.123456789Z" of ns since 1970, UTC; years 0 to 9999. Returns buf. */
const char *audit_time(int64_t ns, char buf[static AUDIT_WORD_MAX]);
/* "10.0.0.1", "fd00::1" (RFC 5952); NULL if the packet has no such address. */
const char *audit_address_text(
        enum audit_net net, const struct audit_address *a, char buf[static AUDIT_WORD_MAX]);
const char *audit_mac_text(const uint8_t mac[static 6], char buf[static AUDIT_WORD_MAX]);

const char *audit_verdict(const struct audit_result *r);
const char *audit_net_name(enum audit_net net);
const char *audit_scope_name(enum audit_scope s);
const char *audit_unclassified_name(enum audit_unclassified u);
/* NULL for what is no class. */
const char *audit_class_text(const struct audit_topology *t, int class);
/* NULL for AUDIT_OUTSIDE. */
const char *audit_rack_text(const struct audit_topology *t, int rack);
/* "no", "rack", "pod" or "outside". */
const char *audit_crosses(const struct audit_topology *t, const int rack[static 2]);
const char *audit_doubt_text(enum audit_doubt d);

#endif
