/* SPDX-License-Identifier: MIT */
/*
 * The switch and the first frame, on x86-64; the other half is switch.S.
 *
 * weft__arch_switch is a jump, not a call.  A processor predicts returns from its own stack of the
 * calls that it has seen.  A switch that is called and leaves by an indirect jump leaves one entry
 * too many there, and every return after it goes wrong (25 ns in three frames).  One that is called
 * and returns goes wrong whenever the two contexts called it from different places (8 ns).  Here
 * nothing is called: the place to go on is handed over in %rax.  What follows from that:
 *   - The compiler does not see a call, so it may use the 128 bytes below the stack pointer, the
 *     red zone.  The frame leaves them alone.
 *   - Every register that a call may change is listed.
 *   - volatile: assembly with a label and outputs is not so by itself, and gcc would drop it.
 *   - A compiler that looks across functions does not expect assembly to call back into this file:
 *     it may keep a static variable in a register while another context changes it.  The label that
 *     the assembly could jump to, and never does, leads to a call of an unknown function, and that
 *     may do anything.
 * Each of these has a test that fails without it: tests/arch/context_test.c.
 */
#ifndef WEFT_ARCH_CONTEXT_H
#define WEFT_ARCH_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

/* A context that does not run, from its stack pointer upwards.  switch.S has the same offsets. */
struct weft__arch_frame {
	void *r15, *r14, *r13, *r12, *rbx, *rbp;
	const void *rip;
	char red_zone[128];
};

/* The frame, two zero words under the first frame of C, and what alignment may take. */
#define WEFT__ARCH_FRAME_BYTES (sizeof(struct weft__arch_frame) + 16 + 15)

#ifdef __AVX512F__
#define WEFT__ARCH_CALL_CHANGES_WIDE                                                             \
	, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",       \
		"xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", \
		"k4", "k5", "k6", "k7"
#else
#define WEFT__ARCH_CALL_CHANGES_WIDE
#endif
#define WEFT__ARCH_CALL_CHANGES                                                                 \
	"rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",  \
		"xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",     \
		"xmm14", "xmm15", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "st", \
		"st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc",            \
		"memory" WEFT__ARCH_CALL_CHANGES_WIDE

/* switch.S: stops the program.  Not marked noreturn: the compiler must think that it may return. */
void weft__arch_trap(void) __attribute__((cold, visibility("hidden")));

static weft__always_inline void weft__arch_switch(void **out_sp, void *to_sp)
{
	__asm__ volatile goto("leaq 1f(%%rip), %%rax\n\t"
			      "jmp weft__arch_swap\n"
			      "1:"
			      : "+D"(out_sp), "+S"(to_sp)
			      :
			      : WEFT__ARCH_CALL_CHANGES
			      : never);
	return;
never:
	weft__arch_trap();
}

static inline void *weft__arch_context(void *stack_top, void (*entry)(void *), void *arg)
{
	void **bottom = (void **)(((uintptr_t)stack_top & ~(uintptr_t)15) - 16);
	struct weft__arch_frame *frame = (struct weft__arch_frame *)bottom - 1;

	bottom[0] = NULL;
	bottom[1] = NULL;
	frame->rip = weft__arch_start + WEFT__ARCH_START_SKIP;
	frame->rbp = NULL;
	frame->rbx = (void *)(uintptr_t)entry;
	frame->r12 = arg;
	return frame;
}

#endif
