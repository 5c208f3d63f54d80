/* SPDX-License-Identifier: MIT */
/*
 * Channel: elements of one size go from those that send to those that receive, many of each, of all
 * kinds of thread. It holds as many as its capacity on the way; of one without capacity a send and
 * a receive wait for each other. Each element is received once; those of one sender in the order in
 * which it sent them; those that wait are served in the order in which they came.
 * An element is copied, under a spin lock: it is small, and what is large is sent as a pointer.
 * When not to use it: for state that many look at (use a mutex); for permits (use a semaphore).
 *
 * Example:
 *
 *	struct job {
 *		int number;
 *	};
 *
 *	// Runs in as many threads as you like; each job goes to one of them.
 *	int work_off(void *arg)
 *	{
 *		weft_chan *jobs = arg;
 *		struct job job;
 *		int done = 0;
 *
 *		while (weft_chan_recv(jobs, &job) == 0)
 *			done += job.number;
 *		return done; // -EPIPE: closed, and nothing is left
 *	}
 *
 *	int hand_out(weft_chan *jobs, int count)
 *	{
 *		for (struct job job = { 1 }; job.number <= count; job.number++) {
 *			int result = weft_chan_send(jobs, &job);
 *
 *			if (result < 0)
 *				return result;
 *		}
 *		weft_chan_close(jobs);
 *		return 0;
 *	}
 */
#ifndef WEFT_CHAN_H
#define WEFT_CHAN_H

#include <stddef.h>
#include <stdint.h>

#include <weft/api.h>

WEFT_API_BEGIN

typedef struct weft_chan weft_chan;

/* A capacity: a send never waits. */
#define WEFT_CHAN_UNBOUNDED SIZE_MAX
#define WEFT_CHAN_ELEMENT_MAX ((size_t)65536)

/*
 * Makes a channel.
 *   element_bytes  of one element, at most WEFT_CHAN_ELEMENT_MAX; 0: there is nothing to copy, the
 *                  pointers to elements may be NULL
 *   capacity       how many elements it holds; 0: none; WEFT_CHAN_UNBOUNDED: any number
 * Returns 0; -EINVAL: such elements are too large; -ENOMEM.
 */
WEFT_API int weft_chan_create(size_t element_bytes, size_t capacity, weft_chan **out_chan);

/* Takes it away, with the elements that are in it. Whose wait has returned may do so at once. One
 * that somebody waits in: stops the program. */
WEFT_API void weft_chan_destroy(weft_chan *chan);

/* Nothing more can be sent: senders get -EPIPE, also those that wait, whose elements are not sent.
 * What is in it can be received; then receivers get -EPIPE, also those that wait. Once more does
 * nothing. */
WEFT_API void weft_chan_close(weft_chan *chan);

/*
 * Sends a copy of *element; waits while the channel is full and nobody waits to receive.
 * Returns 0: it is in the channel, or somebody has received it; and, the element not sent: -EPIPE:
 *   closed; -ECANCELED: cancelled while it waited, or would have to; -ENOMEM: an unbounded one
 *   cannot grow; _try: -EAGAIN; _until: -ETIMEDOUT.
 * Order: releases to whoever receives the element.
 * Progress: senders that wait are served in the order in which they came.
 * Cost: bench channel-pingpong, channel-stream.
 */
WEFT_API int weft_chan_send(weft_chan *chan, const void *element);
WEFT_API int weft_chan_send_try(weft_chan *chan, const void *element);
WEFT_API int weft_chan_send_until(weft_chan *chan, const void *element, int64_t deadline_ns);

/*
 * Receives an element into *out_element; waits while there is none.
 * Returns 0; and, without one: -EPIPE: closed and empty; -ECANCELED: as send; _try: -EAGAIN;
 *   _until: -ETIMEDOUT.
 * Order: acquires what its sender released.
 * Progress: receivers that wait are served in the order in which they came.
 */
WEFT_API int weft_chan_recv(weft_chan *chan, void *out_element);
WEFT_API int weft_chan_recv_try(weft_chan *chan, void *out_element);
WEFT_API int weft_chan_recv_until(weft_chan *chan, void *out_element, int64_t deadline_ns);

/* How many elements are in it, a moment ago. Progress: wait-free. */
WEFT_API size_t weft_chan_count(const weft_chan *chan);

/* What it was made with. */
WEFT_API size_t weft_chan_capacity(const weft_chan *chan);

WEFT_API_END

#endif
