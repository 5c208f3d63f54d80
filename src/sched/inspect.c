/* SPDX-License-Identifier: MIT */
/*
 * Inspection. User-level threads are found through the stack store, which knows every slot in use:
 * a spawn pays nothing for it. Records are read while their threads run: the id is read first and
 * last, so an entry is of one thread.
 */
#include <weft/inspect.h>

#include <string.h>

#include "mem/stack.h"
#include "sched/engine.h"
#include "sched/fork.h"

/* An ended thread that nobody has joined names a carrier that may be gone; one that has not ended
 * does not, while we hold. (WALK) So that is read first: a record that begins a new life meanwhile
 * says so after it has forgotten the carrier of the one before. */
static weft__racy const char *state_of(const struct weft_thread *thread, const char *reason)
{
	const struct weft__carrier *carrier;

	if (atomic_load_acquire(&thread->ended) == WEFT__ENDED_YES) /* WALK */
		return "ended";
	carrier = atomic_load_relaxed(&thread->carrier);
	if (atomic_load_relaxed(&thread->blocking) != 0)
		return "blocking";
	if (reason != NULL)
		return "waiting";
	if (thread->sched == NULL)
		return "running";
	return carrier != NULL && atomic_load_relaxed(&carrier->current) == thread ? "running"
										   : "ready";
}

/* False: the record changed hands meanwhile, or is free. */
static weft__racy bool read_thread(const struct weft_thread *thread, weft_thread_info *out)
{
	const char *reason;

	out->id = atomic_load_acquire(&thread->id);
	if (out->id == 0 || weft__fork_has_lost(thread))
		return false;
	memcpy(out->name, thread->name, sizeof out->name);
	out->name[sizeof out->name - 1] = '\0';
	reason = atomic_load_acquire(&thread->reason); /* SEEN */
	if (WEFT__PARK_STATE(atomic_load_relaxed(&thread->park)) == WEFT__NOTIFIED)
		reason = NULL; /* woken; it has yet to run */
	out->kind = thread->kind;
	out->state = state_of(thread, reason);
	out->reason = reason != NULL ? reason : "";
	out->since_ns = reason != NULL ? atomic_load_relaxed(&thread->since_ns) : 0;
	out->stack_bytes = thread->stack_bytes;
	out->stack_used = 0;
	if (thread->sched != NULL && reason != NULL) {
		size_t used = (size_t)((const char *)thread - (const char *)thread->sp);

		out->stack_used = used < thread->stack_bytes ? used : 0;
	}
	out->sched = thread->sched;
	out->switches = atomic_load_relaxed(&thread->switches);
	out->cancelled = atomic_load_relaxed(&thread->cancelled) != 0;
	return atomic_load_acquire(&thread->id) == out->id;
}

struct visitor {
	int (*visit)(void *arg, const weft_thread_info *thread);
	void *arg;
};

static int visit_record(void *arg, struct weft_thread *thread)
{
	const struct visitor *visitor = arg;
	weft_thread_info info;

	return read_thread(thread, &info) ? visitor->visit(visitor->arg, &info) : 0;
}

static int visit_control(void *arg, void *control)
{
	return visit_record(arg, control);
}

int weft_inspect_threads(int (*visit)(void *arg, const weft_thread_info *thread), void *arg)
{
	struct visitor visitor = { visit, arg };
	unsigned held;
	int result;

	/* A visitor that asks who it is must not have to enter itself into the list that is being
	 * walked. */
	(void)weft_thread_self();
	result = weft__kernel_walk(visit_record, &visitor);
	if (result != 0)
		return result;
	held = weft__sched_hold();
	result = weft__stack_walk(visit_control, &visitor);
	weft__sched_release(held);
	return result;
}

/* ---- schedulers */

struct sched_visitor {
	int (*visit)(void *arg, const weft_sched_info *sched);
	void *arg;
};

/* Processors hold credit for threads they may start; see sched.c. */
static weft__racy int64_t count_threads(struct weft_sched *sched)
{
	int64_t live = atomic_load_relaxed(&sched->live);

	for (unsigned i = 0; i < sched->processor_count; i++)
		live -= atomic_load_relaxed(&sched->processors[i]->credit);
	return live > 0 ? live : 0;
}

static int visit_sched(void *arg, struct weft_sched *sched)
{
	const struct sched_visitor *visitor = arg;
	weft_sched_info info = {
		.sched = sched,
		.processors = sched->processor_count,
		.carriers = atomic_load_relaxed(&sched->carrier_count),
		.spare_carriers = atomic_load_relaxed(&sched->spare_count),
		.global_queued = atomic_load_relaxed(&sched->global_count),
		.threads = count_threads(sched),
		.strict = sched->strict,
	};

	memcpy(info.name, sched->name, sizeof info.name);
	return visitor->visit(visitor->arg, &info);
}

int weft_inspect_scheds(int (*visit)(void *arg, const weft_sched_info *sched), void *arg)
{
	struct sched_visitor visitor = { visit, arg };

	return weft__sched_walk(visit_sched, &visitor);
}

/* ---- processors */

struct processor_visitor {
	const void *sched;
	int (*visit)(void *arg, const weft_processor_info *processor);
	void *arg;
};

/* Its stack may be another's by now, or nobody's: then the number is that one's, or 0. It is not
 * unmapped, we hold it. */
static uint64_t current_of(uintptr_t owner)
{
	const struct weft__carrier *carrier =
		(const struct weft__carrier *)(owner & ~WEFT__OWNER_BITS);
	const struct weft_thread *current;

	if ((owner & WEFT__OWNER_IDLE) || carrier == NULL) /* none: see fork.c */
		return 0;
	current = atomic_load_relaxed(&carrier->current);
	return current != NULL ? atomic_load_relaxed(&current->id) : 0; /* a loop has no id */
}

static int visit_processors(void *arg, struct weft_sched *sched)
{
	const struct processor_visitor *visitor = arg;
	int result = 0;

	if (sched != visitor->sched)
		return 0;
	for (unsigned i = 0; result == 0 && i < sched->processor_count; i++) {
		struct weft__processor *processor = sched->processors[i];
		uintptr_t owner = atomic_load_acquire(&processor->owner);
		weft_processor_info info = {
			.index = i,
			.state = (owner & WEFT__OWNER_IDLE) || owner == 0 ? "idle" : "running",
			.current_id = current_of(owner),
			.queued = weft__runq_count(&processor->queue),
			.timers = atomic_load_relaxed(&processor->wheel.count),
			.switches = atomic_load_relaxed(&processor->switches),
			.steals = atomic_load_relaxed(&processor->steals),
			.polls = atomic_load_relaxed(&processor->polls),
			.hand_offs = atomic_load_relaxed(&processor->hand_offs),
		};

		result = visitor->visit(visitor->arg, &info);
	}
	return result;
}

int weft_inspect_processors(const void *sched,
			    int (*visit)(void *arg, const weft_processor_info *processor),
			    void *arg)
{
	struct processor_visitor visitor = { sched, visit, arg };
	int result;

	weft__stack_hold();
	result = weft__sched_walk(visit_processors, &visitor);
	weft__stack_release();
	return result;
}
