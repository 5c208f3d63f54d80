/* SPDX-License-Identifier: MIT */
/*
 * void weft__arch_swap(void **out_sp, void *to_sp);		what weft__arch_switch calls
 *
 *	x0	out_sp
 *	x1	to_sp
 *	x30	where the caller goes on
 *
 * register	kept	why
 * x19-x28	yes	a C function leaves them as it found them
 * x29		yes	the same; the frame pointer
 * x30		yes	where to go on.  It is not signed: the frame is the runtime's own
 * sp		yes	it is what the switch switches
 * d8-d15	yes	a C function leaves the lower 64 bits of v8-v15 as it found them
 * x0-x17	no	a C function may change them
 * x18		no	on Linux one more of those (so no shadow call stack in it)
 * v0-v7	no	a C function may change them; so too the upper halves of v8-v15, v16-v31,
 *			and what SVE adds to them all
 * FPCR		no	a thread that changes it puts it back before it waits
 * FPSR, NZCV	no	no call keeps them
 * ZA		no	off or saved at every ordinary call, by the calling convention
 * tpidr_el0	no	it is the carrier's, and whoever changes it does so beside the switch
 *
 * The frame, from the stack pointer that is stored (struct weft__arch_frame):
 *	0 x19 to x28	80 x29	88 x30	96 d8 to d15	160
 *
 * Landing pads (bti) stand where an indirect call may arrive.  There is a note for them, and none
 * for guarded control stacks: they would need one per context.
 */
#define FRAME 160

/* One row of the frame, saved or taken back, and what unwinders must know of it. */
.macro save row, first, second
	stp	\first, \second, [sp, #16 * \row]
	.cfi_offset \first, 16 * \row - FRAME
	.cfi_offset \second, 16 * \row + 8 - FRAME
.endm
.macro take row, first, second
	ldp	\first, \second, [sp, #16 * \row]
	.cfi_restore \first
	.cfi_restore \second
.endm

	.text
	.globl	weft__arch_swap
	.hidden	weft__arch_swap
	.type	weft__arch_swap, %function
	.p2align 5
weft__arch_swap:
	.cfi_startproc
	hint	#34				/* bti c */
	sub	sp, sp, #FRAME
	.cfi_def_cfa_offset FRAME
	save	0, x19, x20
	save	1, x21, x22
	save	2, x23, x24
	save	3, x25, x26
	save	4, x27, x28
	save	5, x29, x30
	save	6, d8, d9
	save	7, d10, d11
	save	8, d12, d13
	save	9, d14, d15
	/* From here both stacks look the same: the marks hold on either side of the exchange. */
	mov	x2, sp
	str	x2, [x0]
	mov	sp, x1
	take	5, x29, x30
	take	0, x19, x20
	take	1, x21, x22
	take	2, x23, x24
	take	3, x25, x26
	take	4, x27, x28
	take	6, d8, d9
	take	7, d10, d11
	take	8, d12, d13
	take	9, d14, d15
	add	sp, sp, #FRAME
	.cfi_def_cfa_offset 0
	ret
	.cfi_endproc
	.size	weft__arch_swap, . - weft__arch_swap

/*
 * Where contexts begin.  In: x19 entry, x20 arg, x29 0, sp aligned to 16, on two zero words.
 * Unwinders look for a return address minus one, so a context enters behind the first instruction
 * (WEFT__ARCH_START_SKIP): it is never run, and belongs to this function.
 */
	.globl	weft__arch_start
	.hidden	weft__arch_start
	.type	weft__arch_start, %function
	.p2align 4
weft__arch_start:
	.cfi_startproc
	.cfi_undefined x30
	hint	#36				/* bti j */
	mov	x0, x20
	blr	x19
	udf	#0
	.cfi_endproc
	.size	weft__arch_start, . - weft__arch_start

	.section .note.GNU-stack, "", %progbits
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5		/* sizes of name and contents; NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000000, 4, 1, 0	/* aarch64 features: 4 bytes; bit 0: landing pads */
