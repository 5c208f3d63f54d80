/* SPDX-License-Identifier: MIT */
/*
 * The C library's list of threads, and its lock: a word, 0 free, 1 taken, 2 taken and somebody may
 * wait, by FUTEX_WAIT for 2.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/hold.h"
#include "sys/linux/libc.h"
#include "sys/sys.h"

#define TRIES 1000

static void lock_list(uint32_t *lock)
{
	uint32_t free_word = 0;

	if (atomic_cas_acquire(lock, &free_word, 1u))
		return;
	while (atomic_swap_acquire(lock, 2u) != 0)
		syscall(SYS_futex, lock, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static void unlock_list(uint32_t *lock)
{
	if (atomic_swap_acq_rel(lock, 0u) == 2)
		syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1);
}

/* Whoever reads without the lock finds the list whole: the node is, before it is in it. */
void weft__libc_link(struct weft__libc_node *node)
{
	struct weft__libc_node *head = weft__libc.threads;

	if (head == NULL) {
		node->next = node->prev = node;
		return;
	}
	weft__hold();
	lock_list(weft__libc.threads_lock);
	node->next = head->next;
	node->prev = head;
	head->next->prev = node;
	atomic_store_release(&head->next, node);
	unlock_list(weft__libc.threads_lock);
	weft__release();
}

static bool take_guess(uint32_t *lock)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t free_word = 0;

		if (atomic_cas_acquire(lock, &free_word, 1u))
			return true;
		if (free_word > 2)
			return false; /* something else */
		weft__sys_thread_yield();
	}
	return false;
}

/* Who finds it taken, and means it as this lock, makes it 2 before it waits. */
bool weft__libc_is_lock(uint32_t *lock, void (*start)(void *), bool (*is_done)(void *), void *arg)
{
	bool is_lock = false;

	if (!take_guess(lock))
		return false;
	start(arg);
	while (!is_lock && !is_done(arg)) {
		is_lock = atomic_load_relaxed(lock) == 2;
		if (!is_lock)
			weft__sys_thread_yield();
	}
	unlock_list(lock);
	return is_lock;
}
