/* SPDX-License-Identifier: MIT */
/*
 * Ticks and watches: how the engine stops a thread that has run for too long, and how it learns
 * that a kernel thread of its own is blocked in the kernel. One page, as sys.h; sys/linux fulfils
 * it by the cheapest means that the machine allows, sys/sim from a seed.
 *
 * A tick is a signal (SIGURG) to one kernel thread, sent while it computes and, as far as the means
 * allow, never while it is in a system call. It stops nothing by itself: the engine's handler does.
 *
 * Why these means, and what they cost: docs/design/0007-ticks-and-watches.md.
 */
#ifndef WEFT_SYS_TICK_H
#define WEFT_SYS_TICK_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/sys.h"

/* ---- the signal */
struct weft__tick_context {
	void *pc, *sp;
	bool is_masked; /* more signals are blocked there than in the carrier's own mask: some other
			 * handler was interrupted */
	bool broke_call;    /* it made a system call end with EINTR */
	bool restarts_call; /* it fell into one that the kernel begins anew, or just before one */
	/* pc is in the C library or the dynamic linker (static programs: false) */
	bool is_in_libc;
	void *handle; /* for weft__sys_tick_leave and _moved */
};
/*
 * Called with errno saved and ticks blocked; on the interrupted stack, unless the program has put
 * the signal on the alternate one. It may switch away from that stack and come back on another
 * kernel thread: between weft__sys_tick_leave and weft__sys_tick_moved, with which it ends.
 */
typedef void weft__sys_tick_handler(struct weft__tick_context *context);
/* Once per process; later calls do nothing. A SIGURG that is none of ours goes to the handler that
 * was there before; a program that sets its own later takes ours away. 0, -errno */
int weft__sys_tick_install(weft__sys_tick_handler *handler);
/*
 * Before the switch: the kernel thread's mask is that of the interrupted context again, so that
 * what it goes on with, a new thread too, gets ticks and every other signal. From here to
 * weft__sys_tick_moved another tick may come on this very stack, once at a time; it must not
 * switch away in its turn, or frame piles upon frame where signals are slow. A system call.
 */
void weft__sys_tick_leave(const struct weft__tick_context *context);
/* After it: ticks are blocked until the handler has returned, and the interrupted context goes on
 * with the calling kernel thread's alternate stack and mask, as they were before this call. Two
 * system calls; may be called when nothing moved. */
void weft__sys_tick_moved(const struct weft__tick_context *context);
/* Bytes of stack that ticks may need below the interrupted stack pointer: twice what the
 * processor's registers take at most (2 to 12 KiB), for one may come before the first has switched
 * away, and the handlers. */
size_t weft__sys_tick_stack_bytes(void);

/* ---- per carrier */
enum weft__tick_means {
	WEFT__TICK_PERF = 1,  /* a task-clock event: counts only while it computes in user mode */
	WEFT__TICK_TIMER = 2, /* a timer of the process, by the wall clock */
};
enum weft__watch_means {
	WEFT__WATCH_PERF = 1,  /* the ring of a context-switch event */
	WEFT__WATCH_CLOCK = 2, /* its CPU clock stands still, and then /proc says in what */
	WEFT__WATCH_PROC = 3,  /* /proc alone */
};
struct weft__watch; /* of one kernel thread */
/*
 * Of the calling kernel thread, which no longer blocks SIGURG from then on; what else it blocks now
 * is its base mask. Cheap: events and timers come to be at the first arming and the first look.
 * WEFT_FORCE_TICK=timer and WEFT_FORCE_WATCH=clock|proc in the environment forbid the better means.
 * In fork's child those of the parent may be closed, and nothing else.
 * -ENOMEM: nobody is preempted there.
 */
int weft__sys_watch_open(struct weft__watch **out_watch);
/* By its kernel thread, or by anyone when that has ended: no tick begins after it. Nobody looks at
 * it, arms it, or has it in a watcher any more. */
void weft__sys_watch_close(struct weft__watch *watch);
/* Before the first arming, the first look: what they will probably be. */
enum weft__tick_means weft__sys_watch_tick_means(const struct weft__watch *watch);
enum weft__watch_means weft__sys_watch_means(const struct weft__watch *watch);
int weft__sys_watch_tid(const struct weft__watch *watch);

/*
 * A tick every so often until it is 0 nanoseconds; the first one after that time, by timer up to a
 * quarter of it later. By anyone, several at once and from handlers too (the last one wins); but
 * not by a thread that may be switched away meanwhile. What it is set to already costs nothing. The
 * least that perf knows is 10,000. Where neither means is to be had (the limit on pending signals)
 * no tick comes.
 */
void weft__sys_watch_arm(struct weft__watch *watch, int64_t every_ns);
/* One tick now, by a signal: it breaks a system call off (that the kernel does not restart). */
void weft__sys_watch_tick(struct weft__watch *watch);

enum weft__watch_state {
	WEFT__WATCH_RUNS,    /* or would, if it had a CPU */
	WEFT__WATCH_BLOCKED, /* in the kernel, since *out_since_ns at the latest */
};
/*
 * One asks at a time. *out_since_ns: when it was first seen so, or, where the means tell, when it
 * blocked. A paused one runs. By CPU clock it takes a second look to see that it stands still.
 *
 * By perf a look that says "runs" makes its next block wake the watcher, and further looks cost
 * 10 ns, until it blocks; pauses do not count, and a look at a paused one is for the time after. In
 * the meantime each of its switches costs it several microseconds, and each pause one, so one looks
 * only at what matters.
 */
enum weft__watch_state weft__sys_watch_look(struct weft__watch *watch, int64_t *out_since_ns);
/* In what: "read", "futex", "page fault", "nothing", …; for reports. Dear. Stands until the next
 * call for that watch. */
const char *weft__sys_watch_call(struct weft__watch *watch);

/* By the watched kernel thread, which may block soon: that will wake the watcher, as after a look.
 * False: by this means it cannot. Cheap. */
bool weft__sys_watch_expect(struct weft__watch *watch);

/* weft's own sleeps, by the watched kernel thread: it blocks on purpose. Cheap. */
void weft__sys_watch_pause(struct weft__watch *watch);
void weft__sys_watch_resume(struct weft__watch *watch);

/*
 * Sleeps until the deadline, a ring (one that came before ends it at once), or, with
 * WEFT__WATCH_PERF, until a watch in it blocks of which the last look said that it runs; that up to
 * 4 milliseconds late where CPUs are scarce. May end for no reason. For one kernel thread, the
 * monitor, which also adds and removes.
 */
struct weft__watcher;
int weft__sys_watcher_open(struct weft__watcher **out_watcher);
void weft__sys_watcher_close(struct weft__watcher *watcher);
int weft__sys_watcher_add(struct weft__watcher *watcher, struct weft__watch *watch);
void weft__sys_watcher_remove(struct weft__watcher *watcher, struct weft__watch *watch);
void weft__sys_watcher_wait(struct weft__watcher *watcher, int64_t deadline_ns);
void weft__sys_watcher_ring(struct weft__watcher *watcher); /* async-signal-safe */

#endif
