/* SPDX-License-Identifier: MIT */
/*
 * void hold_registers(const struct registers *in, struct registers *out);
 *
 *	rdi	in
 *	rsi	out
 *
 * The stack, from where rsp stays: 0 the caller's MXCSR, 4 its x87 control word, 8 rdi at the end,
 * 16 out, 24 how wide the vectors are; below it the red zone, full. registers_stop is looked at
 * without a register.
 */
#define MXCSR 120
#define CONTROL 124
#define VECTORS 126
#define RED_ZONE 128
#define MASKS 256
#define X87 320
#define VECTOR 448

	.macro each16 op, a
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\op	\n, \a
	.endr
	.endm
	.macro each32 op
	each16 \op, 0
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\op	\n, 0
	.endr
	.endm
	.macro load128 n, a
	movdqu	VECTOR + 64 * \n(%rdi), %xmm\n
	.endm
	.macro load256 n, a
	vmovdqu	VECTOR + 64 * \n(%rdi), %ymm\n
	.endm
	.macro load512 n, a
	vmovdqu64 VECTOR + 64 * \n(%rdi), %zmm\n
	.endm
	.macro store128 n, a
	movdqu	%xmm\n, VECTOR + 64 * \n(%rdi)
	.endm
	.macro store256 n, a
	vmovdqu	%ymm\n, VECTOR + 64 * \n(%rdi)
	.endm
	.macro store512 n, a
	vmovdqu64 %zmm\n, VECTOR + 64 * \n(%rdi)
	.endm
	.macro red_in n, a
	movq	RED_ZONE + 8 * \n(%rdi), %rax
	movq	%rax, 8 * \n - 128(%rsp)
	.endm
	.macro red_out n, a
	movq	8 * \n - 128(%rsp), %rax
	movq	%rax, RED_ZONE + 8 * \n(%rdi)
	.endm

	.text
	.globl	hold_registers
	.type	hold_registers, @function
hold_registers:
	endbr64
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$40, %rsp
	stmxcsr	0(%rsp)
	fnstcw	4(%rsp)
	movq	%rsi, 16(%rsp)
	movzwl	VECTORS(%rdi), %eax
	movl	%eax, 24(%rsp)
	cmpl	$1, %eax
	je	1f
	ja	2f
	each16	load128, 0
	jmp	3f
1:	each16	load256, 0
	jmp	3f
2:	each32	load512
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	MASKS + 8 * \n(%rdi), %k\n
	.endr
3:	.irp n, 7, 6, 5, 4, 3, 2, 1, 0
	fldt	X87 + 16 * \n(%rdi)
	.endr
	each16	red_in, 0
	ldmxcsr	MXCSR(%rdi)
	fldcw	CONTROL(%rdi)
	movq	0(%rdi), %rax
	movq	8(%rdi), %rbx
	movq	16(%rdi), %rcx
	movq	24(%rdi), %rdx
	movq	32(%rdi), %rsi
	movq	48(%rdi), %rbp
	movq	56(%rdi), %r8
	movq	64(%rdi), %r9
	movq	72(%rdi), %r10
	movq	80(%rdi), %r11
	movq	88(%rdi), %r12
	movq	96(%rdi), %r13
	movq	104(%rdi), %r14
	movq	112(%rdi), %r15
	movq	40(%rdi), %rdi

4:	cmpl	$0, registers_stop(%rip)
	je	4b

	movq	%rdi, 8(%rsp)
	movq	16(%rsp), %rdi
	movq	%rax, 0(%rdi)
	movq	%rbx, 8(%rdi)
	movq	%rcx, 16(%rdi)
	movq	%rdx, 24(%rdi)
	movq	%rsi, 32(%rdi)
	movq	8(%rsp), %rax
	movq	%rax, 40(%rdi)
	movq	%rbp, 48(%rdi)
	movq	%r8, 56(%rdi)
	movq	%r9, 64(%rdi)
	movq	%r10, 72(%rdi)
	movq	%r11, 80(%rdi)
	movq	%r12, 88(%rdi)
	movq	%r13, 96(%rdi)
	movq	%r14, 104(%rdi)
	movq	%r15, 112(%rdi)
	each16	red_out, 0
	stmxcsr	MXCSR(%rdi)
	fnstcw	CONTROL(%rdi)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	fstpt	X87 + 16 * \n(%rdi)
	.endr
	movl	24(%rsp), %eax
	movw	%ax, VECTORS(%rdi)
	cmpl	$1, %eax
	je	1f
	ja	2f
	each16	store128, 0
	jmp	3f
1:	each16	store256, 0
	vzeroupper
	jmp	3f
2:	each32	store512
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	%k\n, MASKS + 8 * \n(%rdi)
	.endr
	vzeroupper
3:	ldmxcsr	0(%rsp)
	fldcw	4(%rsp)
	addq	$40, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.size	hold_registers, . - hold_registers

	.section .note.GNU-stack, "", @progbits
