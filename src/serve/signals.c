/* SPDX-License-Identifier: MIT */
/* Signals; see signals.h. The handler counts and rings a bell; nothing else is done in it. */
#include "serve/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/blocking.h>
#include <weft/io.h>
#include <weft/time.h>

#include "base/atomic.h"
#include "sys/sys.h"

static int bell = -1;
static uint32_t in_use;   /* atomic */
static uint32_t came;     /* atomic */
static uint32_t is_woken; /* atomic */
static struct sigaction before_int, before_term;

static void count_signal(int number)
{
	(void)number;
	atomic_add_relaxed(&came, 1);
	weft__sys_bell_ring(bell);
}

int weft__signals_open(void)
{
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	int opened;

	if (atomic_swap_acquire(&in_use, 1) != 0)
		return -EBUSY;
	opened = weft__sys_bell_open();
	if (opened < 0) {
		atomic_store_release(&in_use, 0);
		return opened;
	}
	bell = opened;
	came = is_woken = 0;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, &before_int);
	sigaction(SIGTERM, &action, &before_term);
	return 0;
}

/* Without what a thread needs to wait there, its kernel thread waits. */
static int wait_for_bell(void)
{
	int code = weft_fd_wait(bell, WEFT_READABLE);

	if (code == -ECANCELED)
		return code;
	if (code < 0) {
		weft_blocking_begin();
		weft__sys_poll(-1, 0, bell, WEFT_FOREVER);
		weft_blocking_end();
	}
	return 0;
}

int weft__signals_wait(int count)
{
	while ((int)atomic_load_acquire(&came) < count && !atomic_load_acquire(&is_woken)) {
		int error = wait_for_bell();

		if (error < 0)
			return error;
		weft__sys_bell_clear(bell); /* before the look: a ring after it is kept */
	}
	return (int)atomic_load_acquire(&came);
}

void weft__signals_wake(void)
{
	atomic_store_release(&is_woken, 1);
	weft__sys_bell_ring(bell);
}

void weft__signals_close(void)
{
	sigaction(SIGINT, &before_int, NULL);
	sigaction(SIGTERM, &before_term, NULL);
	weft_close(bell);
	bell = -1;
	atomic_store_release(&in_use, 0);
}
