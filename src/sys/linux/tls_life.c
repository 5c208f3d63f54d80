/* SPDX-License-Identifier: MIT */
/*
 * What a thread with a block of its own does first and last. It does so as its own code would run:
 * preemptible, with its own malloc, and free to wait for the C library's locks.
 */
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "sys/linux/tls_state.h"
#include "sys/tls.h"
#include "thread_pointer.h"

bool weft__tls_is_own(void *tp)
{
	char *own = weft__arch_local_at(tp)->own;

	return own == NULL || own == tp;
}

/*
 * A block from before a fork, in the child: the library does not know of it, and has not put into
 * it what was loaded since. So it is filled in as a whole, but for the library's own part.
 */
static void adopt_again(char *tp)
{
	struct weft__arch_local local;
	uint64_t all = ~UINT64_C(0), before;
	char *own_at, *copy;
	size_t own_bytes;

	weft__libc_own_image(&own_at, &own_bytes);
	copy = __builtin_alloca(own_bytes);
	/* Until all is back, a handler would find nobody here. The library's own call leaves some
	 * signals out. */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
	local = *weft__arch_local_at(tp);
	memcpy(copy, own_at, own_bytes);
	weft__libc.allocate_tls_init(tp, false);
	memcpy(own_at, copy, own_bytes);
	*weft__arch_local_at(tp) = local;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof all);
	weft__tls_link(tp);
}

/* What an earlier thread may have left in the record. */
static void reset_record(char *record)
{
	const struct weft__libc *libc = &weft__libc;

	memcpy(record + libc->cancelling, libc->pattern + libc->cancelling, sizeof(int));
	if (libc->robust_head != 0) {
		weft__tls_set_word(record + libc->robust_head, record + libc->robust_head);
		weft__tls_set_word(record + libc->robust_back, record + libc->robust_head);
	}
}

void weft__tls_forked(void)
{
	char *tp = weft__arch_tp();

	atomic_add_relaxed(&weft__tls_epoch, 1);
	if (!weft__tls_is_own(tp))
		weft__tls_link(tp);
}

void weft__sys_tls_begin(void)
{
	char *tp = weft__arch_tp();

	if (weft__tls_is_own(tp))
		return;
	if (unlikely(weft__arch_local_at(tp)->epoch != atomic_load_relaxed(&weft__tls_epoch)))
		adopt_again(tp);
	else if (weft__arch_local_at(tp)->used != 0)
		weft__libc_reset_images(weft__tls_record_at(tp));
	if (weft__arch_local_at(tp)->used != 0)
		reset_record(weft__tls_record_at(tp));
	weft__arch_local_at(tp)->used = 1;
	uselocale(LC_GLOBAL_LOCALE); /* the tables of isalpha and its like with it, as of now */
	errno = 0;
}

void weft__sys_tls_end(void)
{
	char *tp = weft__arch_tp();

	if (weft__tls_is_own(tp))
		return;
	weft__libc.call_tls_dtors();
	weft__libc_run_keys(weft__tls_record_at(tp));
	weft__libc.call_tls_dtors(); /* of what those made */
	if (dlerror() != NULL)
		(void)dlerror();     /* the next thread's first error is its own */
	uselocale(LC_GLOBAL_LOCALE); /* its own may be freed by another */
}
