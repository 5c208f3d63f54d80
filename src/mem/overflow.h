/* SPDX-License-Identifier: MIT */
/*
 * Stack overflow: a thread of ours that runs into the guard of its own stack is reported on
 * standard error, with what to do; then the process dies as it would have.
 *
 *   weft: stack overflow in thread 17 "worker" (64 KiB stack): in function compress (./app+0x1234).
 *   …
 */
#ifndef WEFT_MEM_OVERFLOW_H
#define WEFT_MEM_OVERFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the floor above knows of the thread that a control block belongs to. Runs in a signal
 * handler. */
struct weft__overflow_table {
	uint64_t (*id)(const void *control);
	const char *(*name)(const void *control); /* NULL or empty: none */
};

/* Once, before the handler is installed. `table` is static. */
void weft__overflow_fasten(const struct weft__overflow_table *table);

/*
 * A handler for weft__sys_fault_install. The thread that runs is weft__arch_self(), its control
 * block's address. Answers false: what was there before goes on.
 */
bool weft__overflow_on_fault(void *address, void *program_counter, void *stack_pointer);

#endif
