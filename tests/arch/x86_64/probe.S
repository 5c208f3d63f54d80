/* SPDX-License-Identifier: MIT */
/* See ../probe.h.  The order of the registers is that of registers.h. */
	.text

	.macro	function name
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.endm

/* void probe_registers(change_stacks *change, void **out_sp, void *to_sp, const uint64_t *fill,
 *			uint64_t *out_seen);
 * Afterwards everything is found from rsp: if the switch loses that, this crashes. */
	function probe_registers
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$24, %rsp
	movq	%r8, 0(%rsp)
	stmxcsr	8(%rsp)
	fnstcw	12(%rsp)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	0(%rcx), %rbx
	movq	8(%rcx), %rbp
	movq	16(%rcx), %r12
	movq	24(%rcx), %r13
	movq	32(%rcx), %r14
	movq	40(%rcx), %r15
	ldmxcsr	48(%rcx)
	fldcw	56(%rcx)
	call	*%rax
	movq	0(%rsp), %rax
	movq	%rbx, 0(%rax)
	movq	%rbp, 8(%rax)
	movq	%r12, 16(%rax)
	movq	%r13, 24(%rax)
	movq	%r14, 32(%rax)
	movq	%r15, 40(%rax)
	movq	$0, 48(%rax)
	stmxcsr	48(%rax)
	movq	$0, 56(%rax)
	fnstcw	56(%rax)
	ldmxcsr	8(%rsp)
	fldcw	12(%rsp)
	addq	$24, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

/* int probe_red_zone(void **out_sp, void *to_sp); */
	function probe_red_zone
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	movq	$0x1234\n, -8*\n(%rsp)
	.endr
	leaq	1f(%rip), %rax
	jmp	weft__arch_swap
1:	xorl	%eax, %eax
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	xorl	%ecx, %ecx
	cmpq	$0x1234\n, -8*\n(%rsp)
	setne	%cl
	addl	%ecx, %eax
	.endr
	ret

/* void probe_scribble(void); */
	function probe_scribble
	movq	$0x5c5c5c5c5c5c5c5c, %rax
	.irp	r, rcx, rdx, rsi, rdi, r8, r9, r10, r11
	movq	%rax, %\r
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movq	%rax, %xmm\n
	punpcklqdq %xmm\n, %xmm\n
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	movq	%rax, %mm\n
	.endr
	emms
	ret

/* void forget_<register>(void **out_sp, void *to_sp); */
	.macro	forgetful name, first, second, third
	function forget_\name
	subq	$8, %rsp
	call	probe_switch
	\first
	\second
	\third
	addq	$8, %rsp
	ret
	.endm
	forgetful rbx, "notq %rbx"
	forgetful rbp, "notq %rbp"
	forgetful r12, "notq %r12"
	forgetful r13, "notq %r13"
	forgetful r14, "notq %r14"
	forgetful r15, "notq %r15"
	forgetful mxcsr, "stmxcsr (%rsp)", "xorl $0x2000, (%rsp)", "ldmxcsr (%rsp)"
	forgetful x87, "fnstcw (%rsp)", "xorw $0x400, (%rsp)", "fldcw (%rsp)"

	.section .data.rel.ro, "aw"
	.globl	probe_forgetful
	.type	probe_forgetful, @object
	.p2align 3
probe_forgetful:
	.irp	name, rbx, rbp, r12, r13, r14, r15, mxcsr, x87
	.quad	forget_\name
	.endr
	.size	probe_forgetful, . - probe_forgetful

	.section .note.GNU-stack, "", @progbits
