/* Loops over arrays that are compiled twice: for every machine of an architecture, and for those
 * whose vectors are wider. A loop written for it has no branch that depends on the data and no
 * order that matters, or it is the same order in every lane; no fused multiply-add comes in
 * (-ffp-contract=off). So both ways give the same bits, and which one runs is nobody's business.
 *
 *   static WIDE_BODY void f(…) { the loop }
 *   WIDE_CODE static void f_wide(…) { f(…); }
 *   …
 *   if (wide_machine()) f_wide(…); else f(…); */
#ifndef LPC_BASE_WIDE_H
#define LPC_BASE_WIDE_H

#include <stdbool.h>

#define WIDE_BODY inline __attribute__((always_inline))

#if defined(__x86_64__)
#define WIDE_CODE __attribute__((target("avx2")))
static inline bool wide_machine(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define WIDE_CODE
static inline bool wide_machine(void)
{
	return false;
}
#endif

#endif
