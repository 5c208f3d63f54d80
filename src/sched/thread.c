/* SPDX-License-Identifier: MIT */
/* The public calls on threads of every kind. */
#include <string.h>

#include "base/panic.h"
#include "sched/fork.h"
#include "sched/user.h"

#define STACK_BYTES_MAX ((size_t)1 << 30)

uint64_t weft__thread_id_next(uint64_t count)
{
	static uint64_t last; /* atomic */

	return atomic_add_relaxed(&last, count) + 1;
}

void weft__thread_name_copy(char *to, const char *name, const struct weft_thread *parent)
{
	if (name != NULL) {
		strncpy(to, name, WEFT__NAME_BYTES - 1);
		to[WEFT__NAME_BYTES - 1] = '\0';
	} else if (parent != NULL) {
		memcpy(to, parent->name, WEFT__NAME_BYTES);
	} else {
		memcpy(to, "thread", sizeof "thread");
	}
}

/* In a scheduler; WEFT_USER too where that could not be found out now, which its spawn says. */
static weft_kind default_kind(void)
{
	return weft__user_init() != -ENOTSUP ? WEFT_USER : WEFT_LIGHT;
}

/* What need not be quick. */
static weft__noinline int spawn_other(weft_sched *sched, weft_kind kind,
				      const struct weft__birth *birth,
				      const weft_thread_options *options, weft_thread **out_thread)
{
	int error;

	if (sched != NULL && weft__fork_has_lost_sched(sched))
		return -ESRCH;
	weft__fork_before_spawn(weft__arch_self());
	if (kind == WEFT_KIND_DEFAULT)
		kind = sched != NULL ? default_kind() : WEFT_KERNEL;
	switch (kind) {
	case WEFT_KERNEL:
		return weft__kernel_spawn(birth, options, out_thread);
	case WEFT_USER:
		error = weft__user_init();
		if (error < 0)
			return error;
		/* fall through */
	case WEFT_LIGHT:
		return sched != NULL ? weft__light_spawn(sched, kind, birth, options, out_thread)
				     : -EINVAL;
	default:
		return -EINVAL;
	}
}

static weft__always_inline int spawn(const struct weft__birth *birth,
				     const weft_thread_options *options, weft_thread **out_thread)
{
	struct weft_thread *self = weft__arch_self();
	weft_kind kind = options != NULL ? options->kind : WEFT_KIND_DEFAULT;
	weft_sched *sched = options != NULL ? options->sched : NULL;

	if (birth->function == NULL || (options != NULL && options->stack_bytes > STACK_BYTES_MAX))
		return -EINVAL;
	if (sched == NULL && self != NULL)
		sched = self->sched;
	if (likely(weft__fork_count == 0) && likely(sched != NULL) &&
	    (kind == WEFT_LIGHT || (kind == WEFT_USER && weft__user_is_offered())))
		return weft__light_spawn(sched, kind, birth, options, out_thread);
	return spawn_other(sched, kind, birth, options, out_thread);
}

int weft__thread_spawn(const struct weft__birth *birth, const weft_thread_options *options,
		       weft_thread **out_thread)
{
	return spawn(birth, options, out_thread);
}

int weft_thread_spawn(weft_function *function, void *arg, const weft_thread_options *options,
		      weft_thread **out_thread)
{
	const struct weft__birth birth = { .function = function, .arg = arg };

	return spawn(&birth, options, out_thread);
}

static void free_record(struct weft_thread *thread)
{
	if (weft__thread_is_kernel(thread)) {
		weft__sys_thread_join(thread->kernel_thread);
		weft__kernel_free(thread);
	} else {
		weft__light_free(thread);
	}
}

enum how { WAIT, WAIT_FIRMLY, ONLY_LOOK };

static int join(struct weft_thread *thread, enum how how, int64_t deadline_ns, int *out_result)
{
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;
	int code = 0;

	if (thread == self)
		return -EDEADLK;
	if (weft__fork_has_lost(thread))
		return -ESRCH;
	weft__waitq_lock(&thread->joiners);
	for (;;) {
		if (thread->ended == WEFT__ENDED_YES)
			break;
		/* Detached, or another waits already. */
		if (thread->ended == WEFT__ENDED_DETACHED ||
		    !weft__waitq_is_empty(&thread->joiners))
			code = -EINVAL;
		else if (how == ONLY_LOOK)
			code = -EBUSY;
		if (code < 0) {
			weft__waitq_unlock(&thread->joiners);
			return code;
		}
		if (how == WAIT_FIRMLY)
			weft__waitq_add_firm(&thread->joiners, &waiter, self);
		else
			weft__waitq_add(&thread->joiners, &waiter, self);
		weft__waitq_unlock(&thread->joiners);
		code = weft__park(self, "join", deadline_ns);
		/* One section from here to the return: once the deadline has passed and the waiter
		 * is out of the queue, another may detach the thread, which may then go. (JOIN) */
		weft__waitq_lock(&thread->joiners);
		if (waiter.linked)
			weft__waitq_remove(&thread->joiners, &waiter);
		/* Timed out, but ended meanwhile: that counts. Woken: it has ended. */
		if (code == 0)
			weft__assert(thread->ended == WEFT__ENDED_YES);
	}
	weft__waitq_unlock(&thread->joiners);
	if (out_result != NULL)
		*out_result = thread->result;
	free_record(thread);
	return 0;
}

int weft_thread_join(weft_thread *thread, int *out_result)
{
	return join(thread, WAIT, WEFT_FOREVER, out_result);
}

int weft__thread_join_firmly(weft_thread *thread, int *out_result)
{
	return join(thread, WAIT_FIRMLY, WEFT_FOREVER, out_result);
}

int weft_thread_join_try(weft_thread *thread, int *out_result)
{
	return join(thread, ONLY_LOOK, WEFT_FOREVER, out_result);
}

int weft_thread_join_until(weft_thread *thread, int64_t deadline_ns, int *out_result)
{
	return join(thread, WAIT, deadline_ns, out_result);
}

int weft_thread_detach(weft_thread *thread)
{
	bool ended;

	if (weft__fork_has_lost(thread))
		return -ESRCH;
	weft__waitq_lock(&thread->joiners);
	ended = thread->ended == WEFT__ENDED_YES;
	if (thread->ended == WEFT__ENDED_DETACHED || !weft__waitq_is_empty(&thread->joiners)) {
		weft__waitq_unlock(&thread->joiners);
		return -EINVAL;
	}
	if (!ended)
		thread->ended = WEFT__ENDED_DETACHED;
	weft__waitq_unlock(&thread->joiners);
	if (ended)
		free_record(thread);
	return 0;
}

void weft_thread_exit(int result)
{
	struct weft_thread *self = weft__self();

	if (weft__thread_is_kernel(self))
		weft__kernel_exit(self, result);
	weft__light_exit(self, result);
}

weft_thread *weft_thread_self(void)
{
	struct weft_thread *self = weft__arch_self();

	return self != NULL ? self : weft__thread_adopt_try();
}

uint64_t weft_thread_id(const weft_thread *thread)
{
	return thread->id;
}

weft_kind weft_thread_kind(const weft_thread *thread)
{
	return thread->kind;
}

int weft_thread_name(const weft_thread *thread, char *out_name, size_t out_bytes)
{
	size_t length = strnlen(thread->name, WEFT__NAME_BYTES - 1);

	if (out_bytes == 0)
		return -EINVAL;
	if (length >= out_bytes)
		length = out_bytes - 1;
	memcpy(out_name, thread->name, length);
	out_name[length] = '\0';
	return (int)length;
}

int weft_thread_name_set(weft_thread *thread, const char *name)
{
	if (name == NULL)
		return -EINVAL;
	weft__thread_name_copy(thread->name, name, NULL);
	if (thread == weft__arch_self() && weft__thread_is_kernel(thread))
		weft__sys_thread_name(thread->name);
	return 0;
}

const char *weft_user_why(void)
{
	return weft__user_why();
}

size_t weft_thread_stack_bytes(const weft_thread *thread)
{
	return thread->stack_bytes;
}
