#include "faults/artifact.h"

enum status artifact_share_or_instances(struct jval v, struct error *err)
{
	struct jval instances = json_get(v, "instances");

	if (json_type(instances) == JSON_NONE || json_type(json_get(v, "share")) == JSON_NONE)
		return ERR_NONE;
	return json_error_key(instances, err, "expected either 'share' or 'instances', found both");
}

enum status artifact_instances_suit(struct jval v, const struct target_resolver *resolver,
        const uint32_t *targets, uint32_t n, int64_t instances, struct error *err)
{
	for (uint32_t i = 0; i < n && resolver->pool; i++) {
		struct pool_facts facts;

		if (resolver->pool(resolver->ctx, targets[i], &facts) &&
		        instances > (int64_t)facts.instances)
			return json_expected(json_get(v, "instances"), err,
			        "at most the %u instance%s of pool '%s'", facts.instances,
			        facts.instances == 1 ? "" : "s", facts.name);
	}
	return ERR_NONE;
}
