/* SPDX-License-Identifier: MIT */
/*
 * setuid and its kin. To the kernel credentials are each kernel thread's own; the C library makes
 * them the process's: it sends a signal of its own to every kernel thread, whose handler makes the
 * call there and sets a flag in the block that is in force, and sends it again until all flags are
 * set. With a user thread's block in force the flag would be set in the wrong one, and the caller
 * would send for ever. So the handler is wrapped: it runs with the kernel thread's own block.
 *
 * The caller itself needs nothing: to the library its kernel thread is one of the others.
 *
 * The library's sigaction refuses its own signal, so the kernel is asked. Where the library has no
 * handler after its first thread, nothing is wrapped.
 */
#include "sys/linux/setxid.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/tls.h"

#define SIGNAL 33 /* the second that the library keeps for itself */
#define MASK_BYTES 8

/* As the kernel has it, on x86-64 and aarch64. */
struct action {
	void (*handler)(int number, siginfo_t *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	unsigned char mask[MASK_BYTES];
};

static void (*library_handler)(int number, siginfo_t *info, void *context);

static void with_own_block(int number, siginfo_t *info, void *context)
{
	void *tp = weft__sys_tls_get();

	weft__sys_tls_set(NULL);
	library_handler(number, info, context);
	weft__sys_tls_set(tp);
}

/* Every other signal is kept off meanwhile: its handler would see the wrong block. */
void weft__setxid_wrap(void)
{
	struct action action;

	if (library_handler != NULL ||
	    syscall(SYS_rt_sigaction, SIGNAL, NULL, &action, MASK_BYTES) != 0)
		return;
	if ((void *)action.handler == (void *)SIG_DFL || (void *)action.handler == (void *)SIG_IGN)
		return;
	library_handler = action.handler;
	action.handler = with_own_block;
	memset(action.mask, 0xff, sizeof action.mask);
	(void)syscall(SYS_rt_sigaction, SIGNAL, &action, NULL, MASK_BYTES);
}
