/* The records of the catalogue, one a file; only faults/ itself includes this. */
#ifndef LPC_FAULTS_KINDS_H
#define LPC_FAULTS_KINDS_H

#include "faults/kind.h"

extern const struct fault_kind fault_link_flap;
extern const struct fault_kind fault_link_down;
extern const struct fault_kind fault_link_error_burst;
extern const struct fault_kind fault_link_ghost;
extern const struct fault_kind fault_link_miswire;
extern const struct fault_kind fault_chip_loss;
extern const struct fault_kind fault_chip_hang;
extern const struct fault_kind fault_chip_slow;
extern const struct fault_kind fault_chip_sdc;
extern const struct fault_kind fault_node_loss;
extern const struct fault_kind fault_power_pdu_trip;
extern const struct fault_kind fault_power_derate;
extern const struct fault_kind fault_power_spike;
extern const struct fault_kind fault_power_phase;
extern const struct fault_kind fault_cooling_fan_loss;
extern const struct fault_kind fault_cooling_hot_aisle;
extern const struct fault_kind fault_cooling_airflow;
extern const struct fault_kind fault_cooling_throttle;
extern const struct fault_kind fault_clock_drift;
extern const struct fault_kind fault_ethernet_jitter;
extern const struct fault_kind fault_ethernet_loss;
extern const struct fault_kind fault_ethernet_congestion;
extern const struct fault_kind fault_ethernet_reconverge;
extern const struct fault_kind fault_ethernet_partition;
extern const struct fault_kind fault_shape_outlier;
extern const struct fault_kind fault_shape_creep;
extern const struct fault_kind fault_shape_sprawl;
extern const struct fault_kind fault_shape_neighbour;
extern const struct fault_kind fault_load_burst;
extern const struct fault_kind fault_load_step;
extern const struct fault_kind fault_load_retry_storm;
extern const struct fault_kind fault_artifact_regression;
extern const struct fault_kind fault_artifact_fallback_op;
extern const struct fault_kind fault_artifact_stale;
extern const struct fault_kind fault_artifact_recompile;
extern const struct fault_kind fault_control_health_blind;
extern const struct fault_kind fault_control_frontend_loss;
extern const struct fault_kind fault_control_telemetry_loss;
extern const struct fault_kind fault_client_slow_reader;
extern const struct fault_kind fault_client_disconnect;

/* Choices of a `detect` by enum detection, NULL-terminated. */
extern const char *const fault_detections[];
/* Choices of a `mode` by enum slow_mode, NULL-terminated. */
extern const char *const fault_slow_modes[];

static inline uint32_t fault_ppm(double factor) /* in millionths, rounded */
{
	return (uint32_t)(factor * 1e6 + 0.5);
}

static inline uint32_t fault_ppb(double share) /* in 10^-9, rounded */
{
	return (uint32_t)(share * 1e9 + 0.5);
}

/* Reverts of whatever was begun by one verb on all targets. */
void fault_link_errors_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_units_restored(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_heat_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_ether_delay_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_power_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink);

/* Injects and reverts of kinds that only hand their parameters to the load side. */
void fault_habit_begin(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_habit_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_reshape_begin(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_reshape_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_surge_begin(struct fault_machine *m, int64_t now, const struct fault_sink *sink);
void fault_surge_end(struct fault_machine *m, int64_t now, const struct fault_sink *sink);

#endif
