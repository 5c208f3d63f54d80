/* SPDX-License-Identifier: MIT */
/*
 * What the files of ticks and watches share: the watch of one kernel thread.
 *
 *	watch.c        open, close, and what is common to all means
 *	watch_tick.c   arm and disarm, by tick_event.c (perf) or tick_timer.c
 *	watch_look.c   is it blocked? by watch_ring.c (perf), its CPU clock, watch_call.c (/proc)
 *	watcher.c      the sleep of who looks
 *	tick.c         the signal
 *
 * A watch makes no system call when it is opened beyond asking who the caller is: the first perf
 * event of a machine costs milliseconds (the kernel patches its scheduler), so events and timers
 * come to be when somebody first wants them, and then mostly on the kernel thread of who looks.
 *
 * Watches lie in one array for ever, so a signal that is late finds one that is closed, or another
 * kernel thread's, and never freed memory.
 */
#ifndef WEFT_SYS_LINUX_WATCH_H
#define WEFT_SYS_LINUX_WATCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/linux/latest.h"
#include "sys/tick.h"

struct perf_event_mmap_page;

enum { WEFT__WATCH_FREE, WEFT__WATCH_TAKEN, WEFT__WATCH_OPEN };

struct weft__watch {
	/* atomic. Who took it from FREE to TAKEN writes the rest; signals find it while it is
	 * OPEN */
	uint32_t state;
	/* constant while it is open */
	uint32_t index;
	int tid, pid;
	uint64_t mask; /* the signals that its kernel thread blocks */
	/* atomic; its kernel thread writes, the others read */
	bool is_paused;
	bool is_wanted; /* atomic: it was looked at while it was paused */

	/* the tick: nanoseconds, 0 never */
	struct weft__latest tick;
	/* atomic, set once by who carries out `tick`; 0: not yet, or there is none */
	uint32_t tick_means;
	int tick_fd, tick_timer;
	int64_t period_ns; /* who carries out `tick` alone: what the event has */

	/* whether the ring is written: 1 or 0 */
	struct weft__latest attention;
	/* atomic, set once by who carries out `attention` */
	uint32_t means;
	int ring_fd;
	struct perf_event_mmap_page *ring; /* written under ring_lock; NULL while it is closed */
	uint32_t ring_lock;                /* of who reads the ring of a watch that may be closed */

	/* of who looks */
	uint64_t base_head; /* atomic; the ring's, before attention began */
	int64_t cpu_ns;     /* its CPU clock when it was asked last; -1: never */
	int64_t since_ns;   /* since when that stands still; PROC: since when it is blocked, or 0 */
	bool was_blocked;   /* said the last look */
	int call_fd;        /* what /proc says of its call; -1: not open */
	char call[32];
};

/* ---- watch.c */
struct weft__watch *weft__watch_at(uint32_t index); /* NULL: none there; it may be closed */
/* Whether the calling process made it; fork's child has no business with its parent's events. */
bool weft__watch_is_ours(const struct weft__watch *watch);

/* ---- own_fd.c */
int weft__own_fd_open(const char *path);                         /* to read; -1, and errno */
ssize_t weft__own_fd_read_line(int fd, char *out, size_t bytes); /* its first; -1, and errno */
void weft__own_fd_close(int fd);
/* Of a descriptor that stays open; it is closed on failure. -EMFILE: the program needs them more */
int weft__own_fd_move_up(int fd);

/* ---- perf.c */
struct perf_event_attr;
/* For its kernel thread. -EACCES, -EPERM, -ENOSYS: forbidden here; -EMFILE: the program needs its
 * descriptors more */
int weft__perf_open(const struct perf_event_attr *event, int tid);
bool weft__perf_is_forbidden(void); /* as far as is known */
/* A descriptor: while it is open, other events are made in microseconds; the first one of a machine
 * takes milliseconds. -errno */
int weft__perf_warm(void);

/* ---- tick_event.c, tick_timer.c: 0, -errno */
int weft__tick_event_open(struct weft__watch *watch);
void weft__tick_event_set(struct weft__watch *watch, int64_t every_ns);
void weft__tick_event_close(struct weft__watch *watch);
struct weft__watch *weft__tick_event_of(int fd); /* whose tick_fd that is; NULL: nobody's */
int weft__tick_timer_open(struct weft__watch *watch);
void weft__tick_timer_set(struct weft__watch *watch, int64_t every_ns);
void weft__tick_timer_close(struct weft__watch *watch);
/* What timers and weft__sys_watch_tick send along, and back. */
uint64_t weft__tick_mark(const struct weft__watch *watch);
struct weft__watch *weft__tick_of_mark(uint64_t mark);
#define WEFT__TICK_CODE (-0x7765) /* si_code of weft__sys_watch_tick */

/* ---- tick_libc.c */
void weft__tick_libc_find(void);
bool weft__tick_is_in_libc(const void *pc);

/* ---- watch_ring.c */
int weft__watch_ring_open(struct weft__watch *watch);
void weft__watch_ring_close(struct weft__watch *watch);
void weft__watch_ring_write(struct weft__watch *watch, bool on);
uint64_t weft__watch_ring_head(const struct weft__watch *watch);
/* The last record behind `base`: true if it says that the kernel thread went to sleep, and when. */
bool weft__watch_ring_is_out(const struct weft__watch *watch, uint64_t base, int64_t *out_at_ns);

/* ---- watch_look.c */
/* From now on the ring is written, or is not. */
void weft__watch_attend(struct weft__watch *watch);
void weft__watch_ignore(struct weft__watch *watch);
/* Whether it attends, is not paused, and has gone to sleep since. */
bool weft__watch_is_out(struct weft__watch *watch);

/* ---- watch_call.c */
/* Whether /proc says that it is blocked. */
bool weft__watch_call_is_blocked(struct weft__watch *watch);
void weft__watch_call_close(struct weft__watch *watch);

#endif
