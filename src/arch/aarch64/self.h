/* SPDX-License-Identifier: MIT */
/* The running thread, on aarch64: an offset that the linker knows, from the thread pointer. */
#ifndef WEFT_ARCH_SELF_H
#define WEFT_ARCH_SELF_H

static inline void *weft__arch_self(void)
{
	void *thread, *block;

	__asm__ volatile("mrs %1, tpidr_el0\n\t"
			 "adrp %0, :gottprel:weft__arch_current\n\t"
			 "ldr %0, [%0, :gottprel_lo12:weft__arch_current]\n\t"
			 "ldr %0, [%1, %0]"
			 : "=&r"(thread), "=&r"(block));
	return thread;
}

static inline void weft__arch_self_set(void *thread)
{
	void *offset, *block;

	__asm__ volatile("mrs %1, tpidr_el0\n\t"
			 "adrp %0, :gottprel:weft__arch_current\n\t"
			 "ldr %0, [%0, :gottprel_lo12:weft__arch_current]\n\t"
			 "str %2, [%1, %0]"
			 : "=&r"(offset), "=&r"(block)
			 : "r"(thread));
}

static weft__always_inline ptrdiff_t weft__arch_local_offset(void)
{
	ptrdiff_t offset;

	__asm__("adrp %0, :gottprel:weft__arch_current\n\t"
		"ldr %0, [%0, :gottprel_lo12:weft__arch_current]"
		: "=r"(offset));
	return offset;
}

/* yield does nothing on most of these processors; isb empties the pipeline. */
static inline void weft__arch_relax(void)
{
	__asm__ volatile("isb");
}

#endif
