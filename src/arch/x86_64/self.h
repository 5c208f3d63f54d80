/* SPDX-License-Identifier: MIT */
/* The running thread, on x86-64: an offset that the linker knows, from the thread pointer. */
#ifndef WEFT_ARCH_SELF_H
#define WEFT_ARCH_SELF_H

static inline void *weft__arch_self(void)
{
	void *thread;

	__asm__ volatile("movq weft__arch_current@gottpoff(%%rip), %0\n\t"
			 "movq %%fs:(%0), %0"
			 : "=r"(thread));
	return thread;
}

static inline void weft__arch_self_set(void *thread)
{
	void *offset;

	__asm__ volatile("movq weft__arch_current@gottpoff(%%rip), %0\n\t"
			 "movq %1, %%fs:(%0)"
			 : "=&r"(offset)
			 : "r"(thread));
}

static weft__always_inline ptrdiff_t weft__arch_local_offset(void)
{
	ptrdiff_t offset;

	__asm__("movq weft__arch_current@gottpoff(%%rip), %0" : "=r"(offset));
	return offset;
}

static inline void weft__arch_relax(void)
{
	__asm__ volatile("pause");
}

#endif
