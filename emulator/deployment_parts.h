/* Inside of the deployment parser: deployment.c (the object), deployment_pool.c, _nodes.c and
 * _policy.c (its pools), deployment_facility.c, deployment_out.c (canonical form), and of what
 * prints a deployment: blast.c, crossing.c, compile_report.c, compile_text.c. Nobody else includes
 * this. */
#ifndef LPC_EMULATOR_DEPLOYMENT_PARTS_H
#define LPC_EMULATOR_DEPLOYMENT_PARTS_H

#include "emulator/deployment.h"

#define POOL_TOKENS_MAX INT64_C(1000000000)

extern const char *const entry_names[];
extern const char *const policy_names[];
extern const char *const overflow_names[];
extern const char *const oversize_names[];
extern const char *const loss_names[];
extern const char *const ops_policy_names[];
extern const char *const weights_from_names[];
extern const char *const position_names[];

/* Reads the list of pools, assigns nodes, compiles artifacts. d's hardware, topology, model,
 * Ethernet are in place. */
enum status pools_parse(struct jval list, struct arena *arena, struct deployment *d,
        struct error *err) LPC_MUST_USE;

/* The canonical form leaves a farm out that nobody changed: most deployments have none. */
bool compile_farm_is_default(const struct compile_farm_spec *farm);

/* v: a pool. Its admission, accepts, priority, rollout and degraded; the number of instances is
 * known. */
enum status policies_parse(
        struct jval v, struct arena *arena, struct pool_spec *p, struct error *err) LPC_MUST_USE;

/* The pool's own list of nodes. */
enum status nodes_parse(struct jval list, const struct topology *t, struct arena *arena,
        struct pool_spec *p, struct error *err) LPC_MUST_USE;

/* Gives nodes to the pools that name none. */
void nodes_divide(struct deployment *d, struct arena *arena);

/* The longest path of the pool's instances. */
struct compile_site nodes_site(const struct deployment *d, const struct pool_spec *p);
/* … without the hops that lead from rack to rack. */
struct compile_site nodes_site_in_rack(const struct deployment *d, const struct pool_spec *p);

/* The deployment's power and cooling; either may be absent. d's hardware and parameters are in
 * place, with room for FACILITY_PARAMETERS more. */
enum { FACILITY_PARAMETERS = 9 };
/* The key of "power" that states this number of the hardware. */
bool facility_own_key(enum hardware_key from, const char **key);

enum status facility_parse(struct jval power, struct jval cooling, struct deployment *d,
        struct error *err) LPC_MUST_USE;
size_t facility_tables(struct field_table *tables);

/* Append the tables of the pools and of their policies; return how many. */
size_t pool_tables(struct field_table *tables);
size_t policy_tables(struct field_table *tables);

/* One of the pool's instances: its nodes in path order. */
static inline const uint32_t *pool_nodes(const struct pool_spec *p, uint32_t instance)
{
	return p->nodes + (size_t)instance * p->nodes_per_instance;
}

#endif
