/* SPDX-License-Identifier: MIT */
/*
 * void weft__arch_switch(void **out_sp, void *to_sp);		the second half of it; see context.h
 *
 * Entered by a jump:
 *	rdi	out_sp
 *	rsi	to_sp
 *	rax	where the caller goes on
 *
 * register	kept	why
 * rbx rbp	yes	a C function leaves them as it found them
 * r12-r15	yes	the same
 * rsp		yes	it is what the switch switches
 * rip		yes	from rax
 * rax rcx rdx	no	a C function may change them, and weft__arch_switch says so to the compiler
 * rsi rdi	no	the same
 * r8-r11	no	the same
 * xmm* k* st*	no	the same (so the upper halves of ymm and zmm need nothing either)
 * MXCSR, x87	no	a thread that changes a control word puts it back before it waits: to keep
 * control word		them costs more than all the rest
 * DF		no	clear at every call, by the calling convention
 * fs, gs bases	no	they are the carrier's, and whoever changes them does so beside the switch
 *
 * The frame, from the stack pointer that is stored (struct weft__arch_frame):
 *	0 r15	8 r14	16 r13	24 r12	32 rbx	40 rbp	48 rip	56 the caller's red zone	184
 *
 * The last jump is indirect and marked notrack: it goes where no endbr64 stands.  There is a note
 * for indirect-branch tracking, and none for shadow stacks: they would need one per context.
 */
#define FRAME 184

	.text
	.globl	weft__arch_swap
	.hidden	weft__arch_swap
	.type	weft__arch_swap, @function
	.p2align 5
weft__arch_swap:
	.cfi_startproc
	.cfi_def_cfa rsp, 0
	.cfi_register rip, rax
	leaq	-FRAME(%rsp), %rsp
	.cfi_def_cfa_offset FRAME
	movq	%rax, 48(%rsp)
	movq	%rbp, 40(%rsp)
	movq	%rbx, 32(%rsp)
	movq	%r12, 24(%rsp)
	movq	%r13, 16(%rsp)
	movq	%r14, 8(%rsp)
	movq	%r15, 0(%rsp)
	/* From here both stacks look the same: these marks hold on either side of the exchange. */
	.cfi_offset rip, 48 - FRAME
	.cfi_offset rbp, 40 - FRAME
	.cfi_offset rbx, 32 - FRAME
	.cfi_offset r12, 24 - FRAME
	.cfi_offset r13, 16 - FRAME
	.cfi_offset r14, 8 - FRAME
	.cfi_offset r15, 0 - FRAME
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	movq	48(%rsp), %rcx
	movq	40(%rsp), %rbp
	movq	32(%rsp), %rbx
	movq	24(%rsp), %r12
	movq	16(%rsp), %r13
	movq	8(%rsp), %r14
	movq	0(%rsp), %r15
	leaq	FRAME(%rsp), %rsp
	.cfi_def_cfa_offset 0
	.cfi_register rip, rcx
	.cfi_same_value rbp
	.cfi_same_value rbx
	.cfi_same_value r12
	.cfi_same_value r13
	.cfi_same_value r14
	.cfi_same_value r15
	notrack jmp *%rcx
	.cfi_endproc
	.size	weft__arch_swap, . - weft__arch_swap

/*
 * Where contexts begin.  In: rbx entry, r12 arg, rbp 0, rsp aligned to 16, on two zero words.
 * Unwinders look for a return address minus one, so a context enters behind the first instruction
 * (WEFT__ARCH_START_SKIP): it is never run, and belongs to this function.
 */
	.globl	weft__arch_start
	.hidden	weft__arch_start
	.type	weft__arch_start, @function
	.p2align 4
weft__arch_start:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	movq	%r12, %rdi
	call	*%rbx
	ud2
	.cfi_endproc
	.size	weft__arch_start, . - weft__arch_start

/* void weft__arch_trap(void);	only for the compiler; see context.h */
	.globl	weft__arch_trap
	.hidden	weft__arch_trap
	.type	weft__arch_trap, @function
weft__arch_trap:
	.cfi_startproc
	ud2
	.cfi_endproc
	.size	weft__arch_trap, . - weft__arch_trap

	.section .note.GNU-stack, "", @progbits
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5		/* sizes of name and contents; NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0	/* x86 features: 4 bytes; bit 0: indirect branches */
