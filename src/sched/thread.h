/* SPDX-License-Identifier: MIT */
/*
 * The control block of a thread. A user-level thread's lies in the top page of its stack, a kernel
 * thread's in the heap, a carrier's loop has one inside its carrier: whatever runs on a kernel
 * thread of ours has one, and weft__arch_self is it.
 *
 * Kept small: a parked light thread with its frames must stay within one page.
 */
#ifndef WEFT_SCHED_THREAD_H
#define WEFT_SCHED_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/sched.h>
#include <weft/thread.h>
#include <weft/time.h>

#include "arch/hold.h"
#include "base/list.h"
#include "fiber.h"
#include "sched/park.h"
#include "sched/timer.h"
#include "sched/waitq.h"
#include "sys/sys.h"

#define WEFT__NAME_BYTES 32

enum weft__ended {
	WEFT__ENDED_NO,
	WEFT__ENDED_YES,      /* its function has returned and its stack is no longer run on */
	WEFT__ENDED_DETACHED, /* not ended; nobody will join it */
};

/* How an upper floor (a pool) is told that a thread of its own blocks. begin and end: the thread
 * itself, around a call that it has declared. seen: the monitor, that it seems to be blocked; with
 * no lock held, at any time, even when the thread has ended meanwhile. It may make a thread. */
struct weft__blocking_table {
	void (*begin)(void *arg);
	void (*end)(void *arg);
	void (*seen)(void *arg);
};

struct weft_thread {
	struct weft__hold hold; /* first: weft__arch_self points to it */
	/* The engine's, at every switch: one line of the cache. sp: whoever owns the thread (its
	 * queue, its carrier). */
	void *sp;
	/* it runs there; stale otherwise; NULL for ever on kernel threads */
	struct weft__carrier *carrier;
	void *tp; /* constant: its own thread pointer; NULL: it has its carrier's */
	/* constant in the thread's queues: the carrier that stopped together with it and that alone
	 * can run it; NULL: any can */
	struct weft__carrier *stopped_with;
	struct weft_sched *sched; /* constant; NULL: a kernel thread */
	uint64_t switches;        /* atomic: how often it was given a CPU */
	uint64_t park;            /* atomic, see park.h */

	/* At every wait. next: whoever owns the thread. */
	struct weft_thread *next; /* link in a queue, in a wakes list, in a cache of stacks */
	const char *reason;       /* atomic: what it waits for; NULL: it does not */
	int64_t since_ns;         /* atomic: since when, by the processor's clock */
	/* The thread's own. */
	uint32_t calls;           /* atomic: odd between weft_syscall_enter and leave */
	uint8_t blocking;         /* depth of weft_blocking_begin; atomic for the inspector */
	bool is_spent;            /* it used its slice up: into the second queue */
	uint8_t libc_ticks;       /* put off in a row because it was in the C library */
	uint64_t spent_turn;      /* `switches` of a turn after one in which it used its slice up */
	struct weft__timer timer; /* beside the lines above: firing touches all */

	/* Constant from spawn to end. */
	weft_function *function;
	void *arg;
	uint64_t id; /* atomic; 0: no thread lives in this record (the inspector looks at any) */
	int64_t slice_ns;
	uint32_t stack_bytes;
	uint8_t kind;
	uint8_t is_loop;    /* a carrier's own */
	uint8_t is_foreign; /* weft did not make this kernel thread */

	/* The thread's own. */
	uint32_t disabled; /* depth of weft_preempt_disable */
	uint8_t ended;     /* guarded by joiners.lock */
	int32_t result;
	/* of cancel.h. Its own, but for `cancelled`, which others set */
	int64_t until_ns;   /* when its scopes end that no shield covers; 0: none has an end */
	uint32_t cancelled; /* atomic: one of them is cancelled */
	/* guarded by cancel_lock */
	uint32_t cancel_lock;
	bool is_cancelled; /* the thread as a whole */
	struct weft_scope *scopes;

	/* of group.c */
	struct weft_group *group;                      /* constant; NULL: in none */
	struct weft_thread *member_next, *member_prev; /* guarded by the group's lock */
	int *out_result;                 /* constant: where its result goes; NULL: nowhere */
	struct weft_block_defer *defers; /* its own, of defer.c: the last first */
	struct weft_owned_mutex *owned;  /* its own, of owned.h: what it holds */
	struct weft__slots *slots;       /* its own, of slot.c; NULL: none was set */

	weft__waitq joiners;      /* at most one; its lock guards `ended` */
	struct weft__fiber fiber; /* the sanitizers' idea of it; nothing otherwise */

	/* Kernel threads. */
	uint32_t wake_word; /* atomic: 1: go on */
	int bell;           /* -1: none; to wake it out of weft__sys_poll */
	uint8_t in_poll;    /* atomic: it waits there, not on wake_word */
	const struct weft__blocking_table *blocking_table; /* atomic, for the monitor */
	void *blocking_arg;                                /* atomic, for the monitor */
	struct weft__list all;                             /* guarded by the registry's lock */
	weft__sys_thread kernel_thread;

	char name[WEFT__NAME_BYTES];
	void *stack_low; /* constant */
	void *io;        /* the I/O floor's, of this thread alone */
};

/* Makes a record for a foreign kernel thread. */
struct weft_thread *weft__thread_adopt(void) weft__cold;
struct weft_thread *weft__thread_adopt_try(void) weft__cold; /* NULL: no memory */

/* The same, where there must be one: stops the program if there is no memory for it. */
static inline struct weft_thread *weft__self(void)
{
	struct weft_thread *self = weft__arch_self();

	if (likely(self != NULL))
		return self;
	return weft__thread_adopt();
}

static inline bool weft__thread_is_kernel(const struct weft_thread *thread)
{
	return thread->sched == NULL;
}

uint64_t weft__thread_id_next(uint64_t count); /* the first of that many */
void weft__thread_name_copy(char *to, const char *name, const struct weft_thread *parent);

/* What a thread is to run, and for whom. */
struct weft__birth {
	weft_function *function;
	void *arg;
	struct weft_group *group; /* NULL: none */
	int *out_result;          /* of a member of a group, or NULL */
};

/* As weft_thread_spawn. */
int weft__thread_spawn(const struct weft__birth *birth, const weft_thread_options *options,
		       weft_thread **out_thread);
/* As weft_thread_join, but no cancellation ends it. */
int weft__thread_join_firmly(struct weft_thread *thread, int *out_result);

/* kernel.c */
int weft__kernel_spawn(const struct weft__birth *birth, const weft_thread_options *options,
		       weft_thread **out_thread);
void weft__kernel_exit(struct weft_thread *self, int result) __attribute__((noreturn));
void weft__kernel_free(struct weft_thread *thread);
/* under the registry's lock */
int weft__kernel_walk(int (*visit)(void *arg, struct weft_thread *thread), void *arg);
/* Waits, until claimed, in weft__sys_poll on that descriptor instead of on the word. Kernel threads
 * only. *out_ready: what it is ready for, when that is what ended the wait (the code is then 0 and
 * the wait claimed by itself). */
int weft__kernel_park_poll(struct weft_thread *self, int fd, uint32_t wanted, int64_t deadline_ns,
			   uint32_t *out_ready);

/* light.c */
int weft__light_spawn(struct weft_sched *sched, weft_kind kind, const struct weft__birth *birth,
		      const weft_thread_options *options, weft_thread **out_thread);
void weft__light_exit(struct weft_thread *self, int result) __attribute__((noreturn));
void weft__light_free(struct weft_thread *thread);
struct weft__processor;
void weft__stacks_give_back(struct weft__processor *processor);

#endif
