/* SPDX-License-Identifier: MIT */
/*
 * Events, latches, wait groups: what has happened ends every wait, also of who is cancelled; what
 * never does ends none; what happens now and then keeps nobody in its queue.
 */
#include "base/atomic.h"
#include "storm.h"

static struct {
	weft_event event;
	weft_latch latch;
	weft_wait_group group;
} past, never, now_and_then;
static long early, late; /* atomic */

static void begin(long count)
{
	(void)count;
	early = 0;
	late = 0;
	weft_event_set(&past.event);
	bench_must(weft_latch_init(&past.latch, 0), "latch");
	bench_must(weft_latch_init(&never.latch, 1), "latch");
	weft_wait_group_add(&never.group, 1);
}

static int wait_for_event(struct storm_actor *actor, weft_event *event)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_random(actor, 8) == 0)
		return weft_event_wait_try(event);
	return deadline_ns == WEFT_FOREVER ? weft_event_wait(event)
					   : weft_event_wait_until(event, deadline_ns);
}

static int wait_for_latch(struct storm_actor *actor, weft_latch *latch)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_random(actor, 8) == 0)
		return weft_latch_wait_try(latch);
	return deadline_ns == WEFT_FOREVER ? weft_latch_wait(latch)
					   : weft_latch_wait_until(latch, deadline_ns);
}

static int wait_for_group(struct storm_actor *actor, weft_wait_group *group)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_random(actor, 8) == 0)
		return weft_wait_group_wait_try(group);
	return deadline_ns == WEFT_FOREVER ? weft_wait_group_wait(group)
					   : weft_wait_group_wait_until(group, deadline_ns);
}

static void wait_for_past(struct storm_actor *actor)
{
	int code;

	switch (storm_random(actor, 3)) {
	case 0:
		code = wait_for_event(actor, &past.event);
		break;
	case 1:
		code = wait_for_latch(actor, &past.latch);
		break;
	default:
		code = wait_for_group(actor, &past.group);
	}
	if (code < 0)
		atomic_add_relaxed(&late, 1);
}

static void wait_for_never(struct storm_actor *actor)
{
	int code;

	switch (storm_random(actor, 3)) {
	case 0:
		code = wait_for_event(actor, &never.event);
		break;
	case 1:
		code = wait_for_latch(actor, &never.latch);
		break;
	default:
		code = wait_for_group(actor, &never.group);
	}
	if (storm_got(actor, code))
		atomic_add_relaxed(&early, 1);
}

static void happen(struct storm_actor *actor)
{
	switch (storm_random(actor, 4)) {
	case 0:
		weft_event_reset(&now_and_then.event);
		storm_dawdle(actor);
		weft_event_set(&now_and_then.event);
		break;
	case 1:
		weft_wait_group_add(&now_and_then.group, 1);
		storm_dawdle(actor);
		weft_wait_group_done(&now_and_then.group);
		break;
	case 2:
		storm_got(actor, wait_for_event(actor, &now_and_then.event));
		break;
	default:
		storm_got(actor, wait_for_group(actor, &now_and_then.group));
	}
}

static void act(struct storm_actor *actor)
{
	switch (storm_random(actor, 4)) {
	case 0:
		wait_for_past(actor);
		break;
	case 1:
		wait_for_never(actor);
		break;
	default:
		happen(actor);
	}
}

/* The ends check that the queues are empty. */
static void end(void)
{
	storm_lose(&storm_event, late, "what had happened ended no wait");
	storm_double(&storm_event, early, "waits for what never happens ended");
	if (weft_wait_group_wait_try(&now_and_then.group) != 0)
		storm_lose(&storm_event, 1, "a wait group's end");
	weft_wait_group_done(&never.group);
	weft_event_fini(&past.event);
	weft_event_fini(&never.event);
	weft_event_fini(&now_and_then.event);
	weft_latch_fini(&past.latch);
	weft_latch_fini(&never.latch);
	weft_wait_group_fini(&past.group);
	weft_wait_group_fini(&never.group);
	weft_wait_group_fini(&now_and_then.group);
}

const struct storm_part storm_event = { "event", begin, act, end };
