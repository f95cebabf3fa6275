/* Lists of names as the rules' tables want them: in the order of their enumerations,
 * NULL-terminated. */
#ifndef LPC_REPORTS_NAMES_H
#define LPC_REPORTS_NAMES_H

extern const char *const names_outcomes[]; /* enum outcome */
extern const char *const names_metrics[];  /* enum metric */
extern const char *const names_windows[];  /* enum window */
extern const char *const names_expects[];  /* enum expect_kind */
extern const char *const names_paths[];    /* enum reached */
extern const char *const names_bases[];    /* enum basis */
extern const char *const names_verdicts[]; /* enum verdict */
extern const char *const names_packets[];  /* enum packets */
extern const char *const names_told[];     /* enum score_told */

#endif
