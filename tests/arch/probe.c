/* SPDX-License-Identifier: MIT */
/* The switch as a function, for the probe to call; one that keeps no register by itself. */
#include "arch/arch.h"
#include "probe.h"

void probe_switch(void **out_sp, void *to_sp)
{
	weft__arch_switch(out_sp, to_sp);
}
