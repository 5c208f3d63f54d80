/* SPDX-License-Identifier: MIT */
/*
 * Thread: one activity with a stack of its own. Its kind says who schedules it:
 *
 *   WEFT_KERNEL  the kernel, 1:1. For long computations and for foreign code that pins itself to
 *                its kernel thread.
 *   WEFT_USER    a weft scheduler; errno, thread_local and pthread_self are its own, so C and C++
 *                code runs on it unchanged; it is switched away by force when its slice has run
 *                out. The kernel thread's own stay the carrier's: signal mask, alternate stack,
 *                gettid, affinity, CPU clocks, PI and robust locks, setfsuid, prctl. It has no tid
 *                that the kernel knows: pthread_getattr_np (weft_thread_stack_bytes says how large
 *                its stack is), pthread_getaffinity_np, and pthread_kill from another thread answer
 *                ESRCH. pthread_exit and pthread_cancel are not for it.
 *   WEFT_LIGHT   a weft scheduler; shares errno and thread_local with its carrier. For millions of
 *                small activities written for weft. Across a wait it keeps no address of errno or
 *                of a thread_local, holds no pthread mutex and no stdio lock, is not inside a C++
 *                catch block, and leaves nothing in queues that a library keeps for each kernel
 *                thread (OpenSSL's errors). One that overruns its slice is stopped, with its
 *                carrier, so nothing of this changes under it.
 *
 * A thread is made by weft_thread_spawn and ends when its function returns or calls
 * weft_thread_exit. Somebody joins it, once, or it is detached; only then is its record given back.
 * Floating-point control (MXCSR, FPCR) belongs to the carrier: a thread that changes it puts it
 * back before it waits. (Preemption keeps it.)
 *
 * Example:
 *
 *	static int length_of(void *text)
 *	{
 *		return strlen(text);
 *	}
 *
 *	int longer_of(char *one, char *other)
 *	{
 *		weft_thread *thread;
 *		int first, second, failed = weft_thread_spawn(length_of, one, NULL, &thread);
 *
 *		if (failed < 0)
 *			return failed;
 *		second = length_of(other); // meanwhile
 *		weft_thread_join(thread, &first);
 *		return first > second ? first : second;
 *	}
 */
#ifndef WEFT_THREAD_H
#define WEFT_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/api.h>

WEFT_API_BEGIN

typedef struct weft_thread weft_thread;
typedef struct weft_sched weft_sched;

/* What a thread runs, and a task of a pool: its int is the result; by convention negative means
 * that it failed. */
typedef int weft_function(void *arg);

typedef enum weft_kind {
	/* outside a scheduler WEFT_KERNEL; inside one WEFT_USER, or WEFT_LIGHT where there can be
	 * no user threads */
	WEFT_KIND_DEFAULT,
	WEFT_KERNEL,
	WEFT_USER,
	WEFT_LIGHT,
} weft_kind;

typedef struct weft_thread_options {
	weft_kind kind;
	const char *name; /* default: the parent's name */
	/* default: kernel 8 MiB, user 256 KiB, light 64 KiB; rounded up to a power of two from 16
	 * KiB to 1 GiB; a small one is larger where the frame of a signal would leave no room */
	size_t stack_bytes;
	weft_sched *sched; /* where a user or light thread runs; default: the parent's scheduler */
	/* default: the scheduler's; WEFT_FOREVER: never switched away by force; less than 100 us
	 * counts as that. Of user and light threads, in a scheduler that preempts */
	int64_t slice_ns;
} weft_thread_options;

/*
 * Starts a thread that runs function(arg).
 *   function     not NULL
 *   options      NULL or read during the call only
 *   out_thread   where the handle goes; NULL starts it detached
 * Returns 0; -EINVAL: no function, an unknown kind, a stack of over 1 GiB, or a user or light
 *   thread without a scheduler; -ENOTSUP: WEFT_USER, with a C library that has no room for them
 *   (weft_user_why says what is missing); -ENOMEM: no memory; -EAGAIN: no address space, or the
 *   kernel's limit on mappings or threads is reached: what runs goes on, and a later spawn may
 *   succeed; -ESHUTDOWN: the scheduler has ended; -ESRCH: it was lost by a fork.
 * Blocks: never, but for locks of the C library's (malloc's, its list of threads), for an instant.
 * Cost: bench spawn-join, spawn-batch.
 */
WEFT_API int weft_thread_spawn(weft_function *function, void *arg,
			       const weft_thread_options *options, weft_thread **out_thread);

/*
 * Waits until the thread has ended and gives its record back; the handle is dead after success.
 *   out_result   NULL, or where what its function returned goes
 * Returns 0; -EDEADLK: the thread itself; -EINVAL: detached, or somebody else joins it; -ESRCH:
 *   lost by a fork. _try: -EBUSY while it runs. _until: -ETIMEDOUT, and both waiting forms
 *   -ECANCELED: the caller was cancelled (the thread goes on and can be joined again).
 */
WEFT_API int weft_thread_join(weft_thread *thread, int *out_result);
WEFT_API int weft_thread_join_try(weft_thread *thread, int *out_result);
WEFT_API int weft_thread_join_until(weft_thread *thread, int64_t deadline_ns, int *out_result);

/* Gives the handle up: the record goes back when the thread ends. Returns 0; -EINVAL: already
 * detached or being joined; -ESRCH: lost by a fork. */
WEFT_API int weft_thread_detach(weft_thread *thread);

/* Ends the calling thread with that result, as a return from its function does: destructors of a
 * kernel or user thread's thread_local objects and pthread keys run, and may wait. On a foreign
 * kernel thread it ends that kernel thread. Does not unwind: C++ destructors of the frames above do
 * not run. */
WEFT_API void weft_thread_exit(int result) __attribute__((noreturn));

/* Gives way: every thread that was ready before runs first, but for those that have used up their
 * slice, which come later. Returns 0. Cost: bench yield. */
WEFT_API int weft_yield(void);

/* The calling thread; on a foreign kernel thread a record is made at the first call. Never NULL but
 * when there is no memory for that. */
WEFT_API weft_thread *weft_thread_self(void);

/* A number that no other thread of the process ever has, from 1. In fork's child the thread that
 * forked gets another. */
WEFT_API uint64_t weft_thread_id(const weft_thread *thread);
WEFT_API weft_kind weft_thread_kind(const weft_thread *thread);

/* Copies the name, always terminated. Returns its length; -EINVAL: no room at all. */
WEFT_API int weft_thread_name(const weft_thread *thread, char *out_name, size_t out_bytes);

/* Names the thread; only the thread itself or whoever has not yet shared its handle may. Kernel
 * threads show the first 15 bytes to the system's tools too. Returns 0; -EINVAL: NULL. */
WEFT_API int weft_thread_name_set(weft_thread *thread, const char *name);

/* Why there can be no user threads in this process; "" if there can. Static text. Blocks: at the
 * first call, which looks, for an instant. */
WEFT_API const char *weft_user_why(void);

/* Bytes of stack that the thread may use; of one of over 4 GiB, 4 GiB. */
WEFT_API size_t weft_thread_stack_bytes(const weft_thread *thread);

WEFT_API_END

#endif
