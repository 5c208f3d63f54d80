/* SPDX-License-Identifier: MIT */
/*
 * void hold_registers(const struct registers *in, struct registers *out);
 *
 *	x0	in
 *	x1	out
 *
 * x16 and x17 look at registers_stop; all others hold values. There is no red zone. The stack, from
 * where sp stays: 0 out, 8 the caller's FPCR, 16 x0 at the end, 32 what the caller wants back.
 */
#define FPCR 240
#define FPSR 248
#define VECTOR 256

	.text
	.globl	hold_registers
	.type	hold_registers, %function
hold_registers:
	hint	#34			/* bti c */
	sub	sp, sp, #208
	stp	x19, x20, [sp, #32]
	stp	x21, x22, [sp, #48]
	stp	x23, x24, [sp, #64]
	stp	x25, x26, [sp, #80]
	stp	x27, x28, [sp, #96]
	stp	x29, x30, [sp, #112]
	stp	d8, d9, [sp, #128]
	stp	d10, d11, [sp, #144]
	stp	d12, d13, [sp, #160]
	stp	d14, d15, [sp, #176]
	str	x18, [sp, #192]
	str	x1, [sp]
	mrs	x2, fpcr
	str	x2, [sp, #8]
	ldr	x2, [x0, #FPCR]
	msr	fpcr, x2
	ldr	x2, [x0, #FPSR]
	msr	fpsr, x2
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ldr	q\n, [x0, #VECTOR + 16 * \n]
	.endr
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	ldr	x\n, [x0, #8 * \n]
	.endr
	.irp n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	ldr	x\n, [x0, #8 * (\n - 2)]
	.endr
	ldr	x0, [x0]
	adrp	x16, registers_stop
	add	x16, x16, :lo12:registers_stop

1:	ldr	w17, [x16]
	cbz	w17, 1b

	str	x0, [sp, #16]
	ldr	x0, [sp]
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	str	x\n, [x0, #8 * \n]
	.endr
	.irp n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	str	x\n, [x0, #8 * (\n - 2)]
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	str	q\n, [x0, #VECTOR + 16 * \n]
	.endr
	ldr	x1, [sp, #16]
	str	x1, [x0]
	mrs	x1, fpcr
	str	x1, [x0, #FPCR]
	mrs	x1, fpsr
	str	x1, [x0, #FPSR]
	ldr	x1, [sp, #8]
	msr	fpcr, x1
	ldp	x19, x20, [sp, #32]
	ldp	x21, x22, [sp, #48]
	ldp	x23, x24, [sp, #64]
	ldp	x25, x26, [sp, #80]
	ldp	x27, x28, [sp, #96]
	ldp	x29, x30, [sp, #112]
	ldp	d8, d9, [sp, #128]
	ldp	d10, d11, [sp, #144]
	ldp	d12, d13, [sp, #160]
	ldp	d14, d15, [sp, #176]
	ldr	x18, [sp, #192]
	add	sp, sp, #208
	ret
	.size	hold_registers, . - hold_registers

	.section .note.GNU-stack, "", %progbits
