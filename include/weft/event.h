/* SPDX-License-Identifier: MIT */
/*
 * Event: something has happened. It stays so until it is reset. All-zero: it has not.
 * A set lets all go on that wait by then, even if a reset comes at once. To take turns use a
 * semaphore: it lets as many go on as it was posted.
 *
 * Example:
 *
 *	static weft_event ready = WEFT_EVENT_INIT;
 *	static int port;
 *
 *	void announce(int number)
 *	{
 *		port = number;
 *		weft_event_set(&ready);
 *	}
 *
 *	int await_port(int64_t deadline_ns)
 *	{
 *		int failed = weft_event_wait_until(&ready, deadline_ns);
 *
 *		return failed < 0 ? failed : port;
 *	}
 */
#ifndef WEFT_EVENT_H
#define WEFT_EVENT_H

#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>

WEFT_API_BEGIN

typedef struct weft_event {
	uint32_t state;
	weft__waitq waiters;
} weft_event;

#define WEFT_EVENT_INIT { 0, { 0, 0, 0 } }

/* The end of an event; nothing to give back. One that is waited for: stops the program. */
WEFT_API void weft_event_fini(weft_event *event);

/* It has happened: all that wait go on, and nobody waits until it is reset. Order: releases to
 * those that wait, even if it was set before. */
WEFT_API void weft_event_set(weft_event *event);

/* It has not happened, from now on. Who resets and then finds out for himself that there is nothing
 * to do misses nobody who did something and then set. Order: acquires from the sets so far. */
WEFT_API void weft_event_reset(weft_event *event);

/* Waits until it is set. Returns 0; _try: -EAGAIN: it is not; _until: -ETIMEDOUT; both waiting
 * forms -ECANCELED. Order: acquires from the set. Progress: wait-free if it is set, but for the
 * moment in which its setter lets others go on. */
WEFT_API int weft_event_wait(weft_event *event);
WEFT_API int weft_event_wait_try(weft_event *event);
WEFT_API int weft_event_wait_until(weft_event *event, int64_t deadline_ns);

WEFT_API_END

#endif
