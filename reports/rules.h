/* Shared by the readers of "slo", "expect" and "abort": names that must be one of a list, ids. */
#ifndef LPC_REPORTS_RULES_H
#define LPC_REPORTS_RULES_H

#include "reports/score.h"

/* v must be one of the n names; `what` says of what kind ("tier"). */
enum status rules_pick(struct jval v, const char *what, const char *const *names, uint32_t n,
        uint32_t *out, struct error *err) LPC_MUST_USE;

/* As rules_pick; UINT32_MAX when v is absent. */
enum status rules_pick_optional(struct jval v, const char *what, const char *const *names,
        uint32_t n, uint32_t *out, struct error *err) LPC_MUST_USE;

/* The rule's id, copied; `<list>-<number>` when the file gives none. */
const char *rules_id(const char *given, const char *list, uint32_t index, struct arena *arena);

/* Fails if `id` of the element v is among the n before it. id_at: the i-th rule's id. */
enum status rules_unique(struct jval v, const char *id, uint32_t n,
        const char *(*id_at)(const struct score_rules *r, uint32_t i), const struct score_rules *r,
        struct error *err) LPC_MUST_USE;

/* "list" of the scenario: absent = empty, else an array of at most SCORE_RULES_MAX. */
enum status rules_list(struct jval v, const char *list, struct jval *out, uint32_t *n,
        struct error *err) LPC_MUST_USE;

enum status rules_parse_expect(struct jval v, const struct score_names *names, struct arena *arena,
        struct score_rules *out, struct error *err) LPC_MUST_USE;
void rules_canonical_expect(
        const struct score_rules *r, const struct score_names *names, struct json_out *o);
enum status rules_parse_abort(struct jval v, const struct score_names *names, struct arena *arena,
        struct score_rules *out, struct error *err) LPC_MUST_USE;
void rules_canonical_abort(const struct score_rules *r, struct json_out *o);

#endif
