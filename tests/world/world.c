/* SPDX-License-Identifier: MIT */
/* See world.h. */
#include "world.h"

#include <poll.h>

#define SPINNERS 2

weft_kind world_kind;
int world_stop;

static char *test_name; /* shared with the watchdog */
static unsigned sums;   /* so that the work is done */
static weft_function *the_body;

/* ---- the watchdog */

/* Ends with the program: then nobody holds the other end of the pipe. */
static void guard(int end, pid_t group, int seconds)
{
	struct pollfd alive = { .fd = end };
	const char *on_hang = getenv("WORLD_ON_HANG");
	char command[300];

	if (poll(&alive, 1, seconds * 1000) != 0)
		_exit(0);
	fprintf(stderr, "watchdog: '%s' hangs\n", test_name);
	if (on_hang != NULL) {
		snprintf(command, sizeof command, "%s %d >&2", on_hang, (int)group);
		if (system(command) != 0)
			fprintf(stderr, "watchdog: '%s' failed\n", command);
	}
	kill(-group, SIGKILL);
	_exit(1);
}

void world_watch(int seconds)
{
	pid_t group = getpid(), child;
	int ends[2];

	test_name = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (test_name == MAP_FAILED || pipe(ends) != 0)
		abort();
	(void)setpgid(0, 0);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		(void)setpgid(0, 0);
		close(ends[1]);
		guard(ends[0], group, seconds);
	}
	close(ends[0]); /* the other end stays open until the last process of the program is gone */
}

int world_named(void **state)
{
	snprintf(test_name, 4096, "%s", *(const char **)*state);
	return 0;
}

/* ---- threads of a kind */

int world_spin(void *arg)
{
	unsigned sum = (unsigned)(uintptr_t)arg;

	while (!__atomic_load_n(&world_stop, __ATOMIC_RELAXED))
		for (int i = 0; i < 1000; i++)
			sum = sum * 1664525u + 1013904223u;
	__atomic_fetch_add(&sums, sum, __ATOMIC_RELAXED);
	return 0;
}

weft_thread *world_start(weft_function *function, void *arg)
{
	weft_thread_options options = { .kind = world_kind };
	weft_thread *thread;

	check(weft_thread_spawn(function, arg, &options, &thread) == 0);
	return thread;
}

int world_finish(weft_thread *thread)
{
	int result;

	check(weft_thread_join(thread, &result) == 0);
	return result;
}

static int app(void *arg)
{
	weft_thread *spinners[SPINNERS];
	int result;

	for (int i = 0; i < SPINNERS; i++)
		spinners[i] = world_start(world_spin, (void *)(uintptr_t)i);
	result = world_finish(world_start(the_body, arg));
	__atomic_store_n(&world_stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < SPINNERS; i++)
		world_finish(spinners[i]);
	return result;
}

void world_run(weft_function *body, void *arg, weft_kind kind, unsigned processors)
{
	weft_sched_options options = { .processors = processors, .slice_ns = WORLD_SLICE_NS };

	world_stop = 0;
	world_kind = kind;
	the_body = body;
	assert_int_equal(weft_run(app, arg, &options), 0);
}

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int try_user(void *arg)
{
	weft_thread_options options = { .kind = WEFT_USER };
	weft_thread *thread;

	(void)arg;
	if (weft_thread_spawn(do_nothing, NULL, &options, &thread) != 0)
		return 1;
	return world_finish(thread);
}

bool world_has_user(void)
{
	static int has = -1;

	if (has < 0)
		has = weft_run(try_user, NULL, NULL) == 0;
	return has != 0;
}

void world_run_user(weft_function *body, void *arg)
{
	if (!world_has_user())
		skip();
	for (unsigned processors = 1; processors <= 2; processors++)
		world_run(body, arg, WEFT_USER, processors);
}

void world_run_both(weft_function *body, void *arg)
{
	for (unsigned processors = 1; processors <= 2; processors++)
		world_run(body, arg, WEFT_LIGHT, processors);
	if (world_has_user())
		world_run_user(body, arg);
}

/* ---- children */

int world_reap(pid_t child)
{
	int status;

	check(child > 0);
	while (waitpid(child, &status, 0) != child)
		check(errno == EINTR);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
