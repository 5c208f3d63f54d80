/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads, by way of the C library: its own data (errno, malloc's caches) must exist on each
 * of them. They sleep with a timer slack of 1 ns, so that a wait ends when its deadline passes and
 * not up to 50 us later.
 *
 * Nothing is unwound at the end of one that was begun here: it jumps back to its beginning and
 * returns. pthread_exit would raise an exception through C++'s frames: their destructors would find
 * that the thread's record is given back, and the first noexcept would end the program. A thread
 * that others began has no such place, and leaves as they expect.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/panic.h"
#include "sys/linux/force.h"
#include "sys/sys.h"

#define NAME_BYTES 16

struct start {
	void *(*function)(void *);
	void *arg;
	char name[NAME_BYTES];
};

/* where the calling kernel thread was begun; NULL: not here */
static _Thread_local jmp_buf *beginning;

static void copy_name(char to[NAME_BYTES], const char *name)
{
	size_t length = name != NULL ? strnlen(name, NAME_BYTES - 1) : 0;

	if (length > 0)
		memcpy(to, name, length);
	to[length] = '\0';
}

static void *begin(void *arg)
{
	struct start start = *(struct start *)arg;
	jmp_buf here;

	free(arg);
	prctl(PR_SET_TIMERSLACK, 1ul);
	if (start.name[0] != '\0')
		prctl(PR_SET_NAME, start.name);
	if (_setjmp(here) != 0)
		return NULL;
	beginning = &here;
	return start.function(start.arg);
}

/* Answers as pthread_create. */
static int create(pthread_t *out_thread, size_t stack_bytes, struct start *start)
{
	pthread_attr_t attributes;
	int rc = pthread_attr_init(&attributes);

	if (rc != 0)
		return rc;
	if (stack_bytes != 0)
		rc = pthread_attr_setstacksize(&attributes, stack_bytes);
	if (rc == 0)
		rc = pthread_create(out_thread, &attributes, begin, start);
	pthread_attr_destroy(&attributes);
	return rc;
}

int weft__sys_thread_start(void *(*function)(void *), void *arg, size_t stack_bytes,
			   const char *name, weft__sys_thread *out_thread)
{
	struct start *start;
	pthread_t thread = 0;
	int rc;

	if (weft__sys_force_fails(&weft__sys_force.fail_thread))
		return -EAGAIN;
	start = malloc(sizeof *start);
	if (start == NULL)
		return -ENOMEM;
	start->function = function;
	start->arg = arg;
	copy_name(start->name, name);
	rc = create(&thread, stack_bytes, start);
	if (rc != 0) {
		free(start);
		return -rc;
	}
	out_thread->handle = (uintptr_t)thread;
	return 0;
}

void weft__sys_thread_join(weft__sys_thread thread)
{
	int rc = pthread_join((pthread_t)thread.handle, NULL);

	weft__assert(rc == 0);
}

void weft__sys_thread_detach(weft__sys_thread thread)
{
	int rc = pthread_detach((pthread_t)thread.handle);

	weft__assert(rc == 0);
}

void weft__sys_thread_exit(void)
{
	if (beginning != NULL)
		_longjmp(*beginning, 1);
	pthread_exit(NULL);
}

void weft__sys_thread_name(const char *name)
{
	char short_name[NAME_BYTES];

	copy_name(short_name, name);
	prctl(PR_SET_NAME, short_name);
}

void weft__sys_thread_yield(void)
{
	sched_yield();
}

int weft__sys_thread_tid(void)
{
	return (int)gettid();
}

void weft__sys_thread_stack(void **out_low, size_t *out_bytes)
{
	pthread_attr_t attributes;
	int rc = pthread_getattr_np(pthread_self(), &attributes);

	*out_low = NULL;
	*out_bytes = 0;
	if (rc != 0)
		return;
	pthread_attr_getstack(&attributes, out_low, out_bytes);
	pthread_attr_destroy(&attributes);
}

/* ---- at exit: a key of the C library's, whose destructors run when a kernel thread ends */
static struct {
	pthread_once_t once;
	pthread_key_t key;
	int error;
} exits = { .once = PTHREAD_ONCE_INIT };

struct at_exit {
	void (*function)(void *);
	void *arg;
};
static __thread struct at_exit at_exit;

static void run_exit(void *arg)
{
	struct at_exit now = *(struct at_exit *)arg;

	now.function(now.arg);
}

static void make_key(void)
{
	exits.error = pthread_key_create(&exits.key, run_exit);
}

int weft__sys_thread_at_exit(void (*function)(void *), void *arg)
{
	pthread_once(&exits.once, make_key);
	if (exits.error != 0 || pthread_setspecific(exits.key, &at_exit) != 0)
		return -ENOMEM;
	at_exit = (struct at_exit){ .function = function, .arg = arg };
	return 0;
}

int weft__sys_at_fork(void (*prepare)(void), void (*in_parent)(void), void (*in_child)(void))
{
	return -pthread_atfork(prepare, in_parent, in_child);
}

/* pids.max of our own control group, if there is one that says a number. */
static unsigned long group_limit(void)
{
	unsigned long limit = ULONG_MAX;
	char line[256], path[320];
	FILE *file = fopen("/proc/self/cgroup", "re");

	if (file == NULL)
		return limit;
	while (fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof path, "/sys/fs/cgroup%s/pids.max", line + 3);
		fclose(file);
		file = fopen(path, "re");
		if (file == NULL)
			return limit;
		if (fscanf(file, "%lu", &limit) != 1)
			limit = ULONG_MAX;
		break;
	}
	fclose(file);
	return limit;
}

unsigned weft__sys_thread_limit(void)
{
	unsigned long limit = group_limit();
	struct rlimit processes;

	if (getrlimit(RLIMIT_NPROC, &processes) == 0 && processes.rlim_cur < limit)
		limit = processes.rlim_cur;
	return limit < UINT_MAX ? (unsigned)limit : UINT_MAX;
}
