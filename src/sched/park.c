/* SPDX-License-Identifier: MIT */
/* Park and ready; see park.h. */
#include "base/panic.h"
#include "sched/cancel.h"
#include "sched/claim.h"
#include "sched/enter.h"

static int code_of(uint64_t park)
{
	return (int)(park >> 2 & 0x3fff) - WEFT__CODE_BIAS;
}

static weft__always_inline uint64_t arm(struct weft_thread *self, uint64_t open)
{
	uint64_t ticket = (atomic_load_relaxed(&self->park) & ~(WEFT__PARK_EPOCH - 1)) +
			  WEFT__PARK_EPOCH + WEFT__ARMED + open;

	/* Relaxed: it is shown to wakers by the release of a lock. A stale waker can only read, for
	 * the word it holds is over. */
	atomic_store_relaxed(&self->park, ticket);
	return ticket;
}

uint64_t weft__arm(struct weft_thread *self)
{
	return arm(self, WEFT__PARK_OPEN);
}

uint64_t weft__arm_firm(struct weft_thread *self)
{
	return arm(self, 0);
}

void weft__disarm(struct weft_thread *self)
{
	atomic_store_relaxed(&self->park,
			     atomic_load_relaxed(&self->park) & ~(WEFT__PARK_EPOCH - 1));
}

enum weft__claim weft__claim(struct weft_thread *thread, uint64_t ticket, int code)
{
	return weft__claim_inline(thread, ticket, code);
}

bool weft__wake(struct weft_thread *thread, uint64_t ticket, int code)
{
	enum weft__claim claim = weft__claim(thread, ticket, code);

	if (claim == WEFT__CLAIM_PARKED)
		weft__ready(thread);
	return claim != WEFT__CLAIM_LOST;
}

/*
 * A kernel thread goes on only when its wake_word is set, not when it sees itself NOTIFIED: its
 * waker still reads its record until then. (WORD)
 */
static void wait_for_word(struct weft_thread *self)
{
	while (atomic_load_acquire(&self->wake_word) == 0)
		weft__sys_wait(&self->wake_word, 0, WEFT_FOREVER);
}

static bool declare_parked(struct weft_thread *self, uint64_t ticket)
{
	atomic_store_relaxed(&self->wake_word, 0);
	return atomic_cas_acq_rel(&self->park, &ticket, ticket - WEFT__ARMED + WEFT__PARKED);
}

static void kernel_park(struct weft_thread *self, int64_t deadline_ns)
{
	const uint64_t ticket = atomic_load_acquire(&self->park);

	if (WEFT__PARK_STATE(ticket) != WEFT__ARMED || !declare_parked(self, ticket))
		return;
	while (atomic_load_acquire(&self->wake_word) == 0) {
		if (weft__sys_wait(&self->wake_word, 0, deadline_ns) != -ETIMEDOUT)
			continue;
		/* Nobody else need make us ready if we claim ourselves. */
		if (weft__claim(self, ticket, -ETIMEDOUT) == WEFT__CLAIM_LOST)
			wait_for_word(self);
		break;
	}
}

int weft__kernel_park_poll(struct weft_thread *self, int fd, uint32_t wanted, int64_t deadline_ns,
			   uint32_t *out_ready)
{
	const int64_t until_ns = weft__cancel_until(self, deadline_ns);
	uint64_t ticket;
	int result;

	weft__assert(weft__thread_is_kernel(self));
	weft__cancel_check(self);
	ticket = atomic_load_acquire(&self->park);
	if (WEFT__PARK_STATE(ticket) != WEFT__ARMED) /* claimed already */
		goto out;
	if (self->bell < 0) {
		int bell = weft__sys_bell_open();

		if (bell < 0) {
			/* Nothing can wake us out of the poll, so we do not wait. */
			if (weft__claim(self, ticket, bell) == WEFT__CLAIM_PARKED)
				weft__panic("park: a thread that runs is parked");
			goto out;
		}
		self->bell = bell;
	}
	atomic_store_relaxed(&self->in_poll, 1);
	if (declare_parked(self, ticket)) {
		for (;;) {
			result = weft__sys_poll(fd, wanted, self->bell, until_ns);
			if (result == -EINTR)
				continue;
			break;
		}
		/* Readiness, deadline or failure: claim ourselves. Lost: the waker rings, then sets
		 * the word. */
		if (weft__claim(self, ticket,
				result > 0    ? 0
				: result == 0 ? 0
					      : result) == WEFT__CLAIM_LOST) {
			wait_for_word(self);
			weft__sys_bell_clear(self->bell);
		} else if (result > 0) {
			*out_ready = (uint32_t)result;
		}
	}
	atomic_store_relaxed(&self->in_poll, 0);
out:
	result = code_of(atomic_load_acquire(&self->park));
	weft__disarm(self);
	/* It is the scope's time that is over, not the caller's. */
	return result == -ETIMEDOUT && until_ns != deadline_ns ? -ECANCELED : result;
}

/* Without a processor (between blocking brackets, or it was taken) any wheel of the scheduler
 * serves. */
static void light_park_bare(struct weft_thread *self, uint64_t ticket, const char *reason,
			    int64_t deadline_ns)
{
	weft__note_wait(self, reason, weft__sys_now());
	if (deadline_ns != WEFT_FOREVER) {
		weft__timer_add(&self->sched->processors[0]->wheel, self, ticket, deadline_ns);
		weft__wake_idle_global(self->sched); /* a sleeper must see the new deadline */
	}
	weft__switch_away(self, WEFT__AFTER_PARK);
}

static void light_park(struct weft_thread *self, struct weft__processor *processor, uint64_t ticket,
		       const char *reason, int64_t deadline_ns)
{
	weft__note_wait(self, reason, processor->clock_ns);
	if (deadline_ns != WEFT_FOREVER)
		weft__timer_add(&processor->wheel, self, ticket, deadline_ns);
	weft__switch_away(self, WEFT__AFTER_PARK);
}

static void user_park(struct weft_thread *self, uint64_t ticket, const char *reason,
		      int64_t deadline_ns)
{
	struct weft__processor *processor;
	uint32_t was_inside = weft__enter_on(self, &processor);
	bool is_bare = processor == NULL;

	self->hold.wish = 0; /* this is what it asks for */
	/* The barrier of the entry is between the announcement and this look. (CANCEL) */
	if (unlikely(atomic_load_relaxed(&self->cancelled)) && weft__cancel_self(self, ticket)) {
		weft__leave(self, was_inside);
		return;
	}
	if (unlikely(is_bare))
		light_park_bare(self, ticket, reason, deadline_ns);
	else
		light_park(self, processor, ticket, reason, deadline_ns);
	if (deadline_ns != WEFT_FOREVER)
		weft__timer_cancel(self);
	atomic_store_relaxed(&self->reason, NULL);
	if (unlikely(is_bare))
		weft__blocking_resume(self);
	weft__leave(self, was_inside);
}

/* Ends the wait: takes the code, and forgets. */
static int end_wait(struct weft_thread *self)
{
	uint64_t park = atomic_load_acquire(&self->park);

	weft__assert(WEFT__PARK_STATE(park) == WEFT__NOTIFIED);
	atomic_store_relaxed(&self->park, park & ~(WEFT__PARK_EPOCH - 1));
	return code_of(park);
}

static int park(struct weft_thread *self, const char *reason, int64_t deadline_ns)
{
	uint64_t park = atomic_load_acquire(&self->park);

	if (WEFT__PARK_STATE(park) != WEFT__ARMED)
		return end_wait(self); /* a waker was quicker */
	if (unlikely(weft__thread_is_kernel(self))) {
		weft__note_wait(self, reason, weft__sys_now());
		weft__cancel_check(self);
		kernel_park(self, deadline_ns);
		atomic_store_relaxed(&self->reason, NULL);
	} else {
		user_park(self, park, reason, deadline_ns);
	}
	return end_wait(self);
}

/* Whichever ends first, the wait's time or that of the scope that it is in. */
static weft__noinline int park_in_scope(struct weft_thread *self, const char *reason,
					int64_t deadline_ns)
{
	int64_t until_ns = weft__cancel_until(self, deadline_ns);
	int code = park(self, reason, until_ns);

	return code == -ETIMEDOUT && until_ns != deadline_ns ? -ECANCELED : code;
}

int weft__park(struct weft_thread *self, const char *reason, int64_t deadline_ns)
{
	if (likely(deadline_ns == WEFT_FOREVER) && likely(self->until_ns == 0) &&
	    likely(self->sched != NULL) && likely(weft__switch_park(self, reason)))
		return end_wait(self);
	if (unlikely(self->until_ns != 0))
		return park_in_scope(self, reason, deadline_ns);
	return park(self, reason, deadline_ns);
}

static void ready_kernel(struct weft_thread *thread)
{
	uint32_t *word = &thread->wake_word;

	/* The bell first: after the word is set the thread may go, with its bell. (WORD) */
	if (atomic_load_relaxed(&thread->in_poll))
		weft__sys_bell_ring(thread->bell);
	atomic_store_release(word, 1);
	/* perhaps of memory that is another's by now: a wake for no reason, which all our waits
	 * bear */
	weft__sys_wake(word, 1);
}

static weft__always_inline void ready_at(struct weft_thread *thread, bool hot)
{
	struct weft_sched *sched = thread->sched;
	struct weft_thread *self;
	struct weft__processor *processor;
	uint32_t was_inside;

	if (unlikely(sched == NULL)) {
		ready_kernel(thread);
		return;
	}
	self = weft__arch_self();
	if (unlikely(self == NULL || self->sched != sched)) {
		weft__global_visit(sched, thread);
		return;
	}
	was_inside = weft__enter_on(self, &processor);
	if (likely(processor != NULL)) {
		if (hot && !self->is_loop)
			weft__enqueue_hot(processor, thread);
		else
			weft__enqueue(processor, thread);
		if (sched->processor_count > 1)
			weft__wake_idle(sched);
	} else {
		weft__global_visit(sched, thread);
	}
	weft__leave(self, was_inside);
}

void weft__ready(struct weft_thread *thread)
{
	ready_at(thread, true);
}

void weft__ready_later(struct weft_thread *thread)
{
	ready_at(thread, false);
}
