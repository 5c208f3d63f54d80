/* SPDX-License-Identifier: MIT */
/*
 * weft: threads of three kinds under one API. This header includes every other one but server.h.
 *
 * Said once, for every call of every header, unless the call says otherwise:
 *
 *   Errors    0 or more on success, a negative errno value on failure. errno itself is never set
 *             and means nothing. Outputs (`out_…`, always last) are written on success only; what
 *             a failed call was given is as it was before.
 *   Units     Times are nanoseconds of the monotonic clock, deadlines are absolute
 *             (`weft_now() + 5 * WEFT_MS`); a deadline in the past tries once and answers
 *             -ETIMEDOUT; WEFT_FOREVER never passes. Sizes are bytes.
 *   Options   NULL means all defaults, a zero field means that field's default. Structs grow at
 *             the end only.
 *   Strings   Names are copied (and cut to 31 bytes); the caller keeps his own.
 *   Context   May be called from any thread: kernel, user, light, and kernel threads that weft did
 *             not make (foreign). Not from a signal handler. In the child of fork, only the thread
 *             that forked lives; calls that name another, or another scheduler, answer -ESRCH, and
 *             what another held or was in the middle of stays so.
 *   Blocks    A call that waits parks the calling thread only; its carrier goes on with others.
 *             A call of which nothing is said about waiting does not wait, but for an instant.
 *   Preempted Never inside a call of weft's; anywhere else, see <weft/preempt.h>.
 *   Order     What a thread wrote before it wakes, unlocks, posts, sends, submits or ends is seen
 *             by whoever is let go on by that (acquire and release, as with pthreads).
 *   Misuse    What would corrupt memory stops the program and names the object: unlocking a mutex
 *             that is not locked, an end bracket without a begin, destroying what is in use.
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <weft/barrier.h>
#include <weft/blocking.h>
#include <weft/cancel.h>
#include <weft/chan.h>
#include <weft/cond.h>
#include <weft/defer.h>
#include <weft/event.h>
#include <weft/group.h>
#include <weft/inspect.h>
#include <weft/io.h>
#include <weft/latch.h>
#include <weft/mutex.h>
#include <weft/once.h>
#include <weft/owned_mutex.h>
#include <weft/pool.h>
#include <weft/preempt.h>
#include <weft/rwlock.h>
#include <weft/sched.h>
#include <weft/select.h>
#include <weft/sem.h>
#include <weft/slot.h>
#include <weft/socket.h>
#include <weft/spin.h>
#include <weft/thread.h>
#include <weft/time.h>
#include <weft/version.h>
#include <weft/wait_group.h>

#endif
