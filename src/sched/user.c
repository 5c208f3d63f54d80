/* SPDX-License-Identifier: MIT */
/* Records of user threads; see user.h. */
#include "sched/user.h"

#include <stdio.h>
#include <string.h>

#include "mem/stack.h"
#include "sched/fork.h"
#include "sys/spin.h"

#define SIZES 31     /* a slot's bytes are a power of two, from 32 KiB to 1 GiB */
#define WARM_MAX 256 /* of a size: their stacks keep their pages */
#define KEPT_BELOW_BYTES \
	((size_t)4 << 10) /* of a stack that is given back: what its next thread touches first */
#define BLOCK_MAX (WEFT__STACK_CONTROL_MAX / 2)

uint32_t weft__user_state;

static struct {
	uint32_t lock;
	struct weft__tls_layout layout; /* constant when they are offered */
	char why[120]; /* constant when they are refused; "": ask the floor below */
	/* guarded by lock; linked by next. warm: the first ones, whose stacks keep their pages */
	struct weft_thread *warm[SIZES], *cold[SIZES];
	unsigned warm_count[SIZES];
} users;

static uint32_t judge(int error, const struct weft__tls_layout *layout)
{
	if (error == 0 && layout->bytes > BLOCK_MAX)
		snprintf(users.why, sizeof users.why,
			 "thread-local variables need %zu bytes; a user thread has room for %zu",
			 layout->bytes, BLOCK_MAX);
	return error < 0 || layout->bytes > BLOCK_MAX ? WEFT__USER_REFUSED : WEFT__USER_OFFERED;
}

int weft__user_init(void)
{
	uint32_t state = atomic_load_acquire(&weft__user_state);

	if (state == WEFT__USER_UNKNOWN) {
		struct weft__tls_layout layout;
		int error = weft__sys_tls_init(&layout);

		if (error < 0 && error != -ENOTSUP)
			return error; /* what is lacking may be there another time */
		weft__spin_lock(&users.lock);
		if (weft__user_state == WEFT__USER_UNKNOWN) {
			state = judge(error, &layout);
			if (state == WEFT__USER_OFFERED)
				users.layout = layout;
			atomic_store_release(&weft__user_state, state);
		}
		state = weft__user_state;
		weft__spin_unlock(&users.lock);
	}
	return state == WEFT__USER_OFFERED ? 0 : -ENOTSUP;
}

const char *weft__user_why(void)
{
	int error = weft__user_init();

	if (error == 0)
		return "";
	if (error != -ENOTSUP)
		return "not known yet: no memory, or no kernel thread, to find it out with";
	return users.why[0] != '\0' ? users.why : weft__sys_tls_why();
}

static unsigned size_index(size_t slot_bytes)
{
	return (unsigned)__builtin_ctzl(slot_bytes);
}

static size_t block_offset(void)
{
	size_t align = users.layout.align < 64 ? 64 : users.layout.align;

	return (sizeof(struct weft_thread) + align - 1) & ~(align - 1);
}

size_t weft__user_control_bytes(weft_kind kind)
{
	return block_offset() + (kind == WEFT_USER ? users.layout.bytes : 0);
}

static int make(size_t slot_bytes, struct weft_thread **out_thread)
{
	size_t offset = block_offset(), usable;
	struct weft_thread *thread;
	void *control, *tp, *low;
	int error = weft__stack_take(slot_bytes, offset + users.layout.bytes, &control, &usable);

	if (error < 0)
		return error;
	thread = control;
	low = (char *)control - usable;
	memset(thread, 0, sizeof *thread);
	error = weft__sys_tls_create((char *)control + offset, low, usable, &tp);
	if (error < 0) {
		weft__stack_give(control);
		return error;
	}
	thread->tp = tp;
	thread->stack_low = low;
	thread->stack_bytes = (uint32_t)usable;
	thread->kind = WEFT_USER;
	thread->bell = -1;
	if (tp != NULL)
		weft__sys_tls_self_set(tp, thread);
	*out_thread = thread;
	return 0;
}

size_t weft__user_kept(void)
{
	size_t count = 0;

	weft__spin_lock(&users.lock);
	for (unsigned i = 0; i < SIZES; i++) {
		for (struct weft_thread *at = users.warm[i]; at != NULL; at = at->next)
			count++;
		for (struct weft_thread *at = users.cold[i]; at != NULL; at = at->next)
			count++;
	}
	weft__spin_unlock(&users.lock);
	return count;
}

static struct weft_thread *take_kept(unsigned size)
{
	struct weft_thread *thread;

	if (size >= SIZES)
		return NULL;
	weft__spin_lock(&users.lock);
	thread = users.warm[size];
	if (thread != NULL) {
		users.warm[size] = thread->next;
		users.warm_count[size]--;
	} else {
		thread = users.cold[size];
		if (thread != NULL)
			users.cold[size] = thread->next;
	}
	weft__spin_unlock(&users.lock);
	return thread;
}

int weft__user_take(size_t slot_bytes, struct weft_thread **out_thread)
{
	struct weft_thread *thread = take_kept(size_index(slot_bytes));

	if (thread == NULL)
		return make(slot_bytes, out_thread);
	*out_thread = thread;
	return 0;
}

/* The pages that only the stack has; the topmost holds the record too. */
static void cool(struct weft_thread *thread)
{
	char *low = thread->stack_low;
	char *high = (char *)((uintptr_t)((char *)thread - KEPT_BELOW_BYTES) & ~(WEFT__PAGE - 1));

	low = (char *)(((uintptr_t)low + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1));
	if (high > low)
		weft__sys_discard(low, (size_t)(high - low));
}

void weft__user_give(struct weft_thread *thread)
{
	struct weft__stack_place place;
	unsigned size;
	bool is_warm;

	atomic_store_relaxed(&thread->id, 0);
	if (!users.layout.is_kept || !weft__stack_find(thread, &place)) {
		weft__stack_give(thread);
		return;
	}
	size = size_index(place.slot_bytes);
	weft__spin_lock(&users.lock);
	is_warm = users.warm_count[size] < WARM_MAX;
	if (is_warm) {
		users.warm_count[size]++;
		thread->next = users.warm[size];
		users.warm[size] = thread;
	}
	weft__spin_unlock(&users.lock);
	if (is_warm)
		return;
	cool(thread);
	weft__spin_lock(&users.lock);
	thread->next = users.cold[size];
	users.cold[size] = thread;
	weft__spin_unlock(&users.lock);
}

void weft__user_forked(void)
{
	users.lock = 0;
	memset(users.warm, 0, sizeof users.warm);
	memset(users.cold, 0, sizeof users.cold);
	memset(users.warm_count, 0, sizeof users.warm_count);
}
