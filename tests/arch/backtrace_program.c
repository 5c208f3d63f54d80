/* SPDX-License-Identifier: MIT */
/*
 * For backtrace_test.sh: main switches to a context, which switches back, three times.  Every
 * function has a frame of its own.
 */
#include "arch/arch.h"

#define KEEP_FRAME() __asm__ volatile("" : : : "memory")

static char stack[64 * 1024] weft__aligned(64);
static void *home_sp, *away_sp;

static weft__noinline void leave_context(void)
{
	weft__arch_switch(&away_sp, home_sp);
	KEEP_FRAME();
}

static weft__noinline void run_context(void *arg)
{
	(void)arg;
	for (;;) {
		leave_context();
		KEEP_FRAME();
	}
}

static weft__noinline void visit_context(void)
{
	weft__arch_switch(&home_sp, away_sp);
	KEEP_FRAME();
}

int main(void)
{
	away_sp = weft__arch_context(stack + sizeof(stack), run_context, NULL);
	for (int i = 0; i < 3; i++) {
		visit_context();
		KEEP_FRAME();
	}
	return 0;
}
