/* SPDX-License-Identifier: MIT */
/*
 * Threads with a block of their own, run by hand: no engine. A user runs until it calls user_yield
 * or ends; whichever kernel thread calls user_run next goes on with it.
 *
 * Failures inside a user are noted, and asserted by who runs it: an assertion's jump must not leave
 * its stack.
 *
 * Not "user.h": the system's <sys/user.h> would be looked for in this folder's parent first.
 */
#ifndef WEFT_TESTS_TLS_USER_H
#define WEFT_TESTS_TLS_USER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "arch/arch.h"
#include "sys/tls.h"

#define USER_BYTES ((size_t)256 << 10)
#define user_noinline __attribute__((noinline))

struct user {
	uint32_t hold[2]; /* what weft__arch_self points to begins with a struct weft__hold */
	void *sp, *back, *tp;
	char *low;
	size_t stack_bytes;
	void (*main)(struct user *self);
	void *arg;
	bool is_ended;
	int failed_line;
};

/* In a user's own code: notes the first failure, and ends the function. */
#define USER_CHECK(self, condition)                             \
	do {                                                    \
		if (!(condition)) {                             \
			if ((self)->failed_line == 0)           \
				(self)->failed_line = __LINE__; \
			return;                                 \
		}                                               \
	} while (0)

static struct weft__tls_layout user_layout;

/* fork with the kernel thread's own block in force, as the engine has it. */
static void *user_forking;
static inline void user_before_fork(void)
{
	user_forking = weft__sys_tls_get();
	weft__sys_tls_set(NULL);
}
static inline void user_after_fork(void)
{
	weft__sys_tls_set(user_forking);
}

static inline void user_init(void)
{
	pthread_atfork(user_before_fork, user_after_fork, user_after_fork);
	if (weft__sys_tls_init(&user_layout) < 0) {
		fprintf(stderr, "no blocks: %s\n", weft__sys_tls_why());
		exit(1);
	}
}

static inline struct user *user_make(void)
{
	struct user *user = (struct user *)calloc(1, sizeof *user);
	void *at =
		mmap(NULL, USER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (user == NULL || at == MAP_FAILED)
		abort();
	user->low = (char *)at;
	user->stack_bytes = (USER_BYTES - user_layout.bytes) & ~(user_layout.align - 1);
	if (weft__sys_tls_create(user->low + user->stack_bytes, user->low, user->stack_bytes,
				 &user->tp) < 0)
		abort();
	weft__sys_tls_self_set(user->tp, user);
	return user;
}

/* Goes on on another kernel thread, perhaps. */
static user_noinline __attribute__((unused)) void user_yield(struct user *self)
{
	weft__sys_tls_set(NULL);
	weft__arch_switch(&self->sp, self->back);
}

static inline void user_entry(void *arg)
{
	struct user *self = (struct user *)arg;

	weft__sys_tls_begin();
	self->main(self);
	weft__sys_tls_end();
	self->is_ended = true;
	user_yield(self);
}

static inline void user_start(struct user *user, void (*function)(struct user *self), void *arg)
{
	user->main = function;
	user->arg = arg;
	user->is_ended = false;
	user->failed_line = 0;
	user->sp = weft__arch_context(user->low + user->stack_bytes, user_entry, user);
}

/* Until it yields or ends; true: it has ended. */
static user_noinline __attribute__((unused)) bool user_run(struct user *user)
{
	weft__sys_tls_set(user->tp);
	weft__arch_switch(&user->back, user->sp);
	return user->is_ended;
}

static inline void *user_run_here(void *arg)
{
	weft__sys_tls_adopt();
	user_run((struct user *)arg);
	return NULL;
}

/* The same on a kernel thread of its own. */
static inline bool user_run_elsewhere(struct user *user)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, user_run_here, user) != 0)
		abort();
	pthread_join(thread, NULL);
	return user->is_ended;
}

/* From beginning to end, moving at each yield. */
static inline int user_do(struct user *user, void (*function)(struct user *self), void *arg)
{
	user_start(user, function, arg);
	while (!user_run(user) && !user_run_elsewhere(user))
		;
	return user->failed_line;
}

#endif
