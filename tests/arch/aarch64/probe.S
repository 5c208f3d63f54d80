/* SPDX-License-Identifier: MIT */
/* See ../probe.h.  The order of the registers is that of registers.h. */
	.text

	.macro	function name
	.globl	\name
	.type	\name, %function
	.p2align 4
\name:
	.endm

/* Both with the registers that a function must keep, in the order of registers.h. */
	.macro	take_all base
	ldp	x19, x20, [\base, #0]
	ldp	x21, x22, [\base, #16]
	ldp	x23, x24, [\base, #32]
	ldp	x25, x26, [\base, #48]
	ldp	x27, x28, [\base, #64]
	ldr	x29, [\base, #80]
	ldp	d8, d9, [\base, #88]
	ldp	d10, d11, [\base, #104]
	ldp	d12, d13, [\base, #120]
	ldp	d14, d15, [\base, #136]
	ldr	x17, [\base, #152]
	msr	fpcr, x17
	.endm
	.macro	save_all base
	stp	x19, x20, [\base, #0]
	stp	x21, x22, [\base, #16]
	stp	x23, x24, [\base, #32]
	stp	x25, x26, [\base, #48]
	stp	x27, x28, [\base, #64]
	str	x29, [\base, #80]
	stp	d8, d9, [\base, #88]
	stp	d10, d11, [\base, #104]
	stp	d12, d13, [\base, #120]
	stp	d14, d15, [\base, #136]
	mrs	x17, fpcr
	str	x17, [\base, #152]
	.endm

/* void probe_registers(change_stacks *change, void **out_sp, void *to_sp, const uint64_t *fill,
 *			uint64_t *out_seen);
 * Afterwards everything is found from sp: if the switch loses that, this crashes. */
	function probe_registers
	sub	sp, sp, #176
	mov	x9, sp
	save_all x9
	stp	x30, x4, [sp, #160]
	mov	x9, x0
	mov	x0, x1
	mov	x1, x2
	take_all x3
	blr	x9
	ldp	x30, x4, [sp, #160]
	save_all x4
	mov	x9, sp
	take_all x9
	add	sp, sp, #176
	ret

/* int probe_red_zone(void **out_sp, void *to_sp);	there is none */
	function probe_red_zone
	udf	#0

/* void probe_scribble(void);	x18 is left alone: some systems reserve it. */
	function probe_scribble
	mov	x0, #0x5c5c
	movk	x0, #0x5c5c, lsl #32
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	mov	x\n, x0
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
	dup	v\n\().2d, x0
	.endr
	.irp	n, 24, 25, 26, 27, 28, 29, 30, 31
	dup	v\n\().2d, x0
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	v\n\().d[1], x0
	.endr
	ret

/* void forget_<register>(void **out_sp, void *to_sp); */
	.macro	forgetful name, first, second, third
	function forget_\name
	str	x30, [sp, #-16]!
	bl	probe_switch
	\first
	\second
	\third
	ldr	x30, [sp], #16
	ret
	.endm
	.irp	n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
	forgetful x\n, "mvn x\n, x\n"
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	forgetful d\n, "fneg d\n, d\n"
	.endr
	forgetful fpcr, "mrs x9, fpcr", "eor x9, x9, #0x400000", "msr fpcr, x9"

	.section .data.rel.ro, "aw"
	.globl	probe_forgetful
	.type	probe_forgetful, %object
	.p2align 3
probe_forgetful:
	.irp	name, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29
	.quad	forget_\name
	.endr
	.irp	name, d8, d9, d10, d11, d12, d13, d14, d15, fpcr
	.quad	forget_\name
	.endr
	.size	probe_forgetful, . - probe_forgetful

	.section .note.GNU-stack, "", %progbits
