/* SPDX-License-Identifier: MIT */
/*
 * The end of the process: exit from a thread of any kind, a return from main while threads run,
 * handlers of atexit, each once. Every case runs in a child, which says what it does to a pipe.
 */
#include "world.h"

#define STATUS 7

static int said; /* where the child writes */

static void say(char what)
{
	if (write(said, &what, 1) != 1)
		abort();
}

static void first_handler(void)
{
	say('1');
}

static void second_handler(void)
{
	say('2');
}

/* Runs child() in a process of its own, which ends by itself or with that status; what it said. */
static int run_child(void (*child)(void *), void *arg, char out_said[16])
{
	int ends[2];
	size_t used = 0;
	ssize_t count;
	pid_t id;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	id = fork();
	if (id == 0) {
		close(ends[0]);
		said = ends[1];
		child(arg);
		exit(STATUS); /* as a return from main */
	}
	close(ends[1]);
	while ((count = read(ends[0], out_said + used, 15 - used)) > 0)
		used += (size_t)count;
	out_said[used] = '\0';
	close(ends[0]);
	return world_reap(id);
}

static void assert_ends(void (*child)(void *), void *arg, const char *expected)
{
	char text[16];

	assert_int_equal(run_child(child, arg, text), STATUS);
	assert_string_equal(text, expected);
}

/* ---- exit */
static int exit_now(void *arg)
{
	(void)arg;
	exit(STATUS);
}

static int register_and_exit(void *arg)
{
	check(atexit(first_handler) == 0);
	return exit_now(arg);
}

static void exit_in_thread(void *arg)
{
	check(atexit(second_handler) == 0);
	world_run(register_and_exit, NULL, *(weft_kind *)arg, 2);
}

static void exit_in_kernel_thread(void *arg)
{
	weft_thread_options kernel = { .kind = WEFT_KERNEL };
	weft_thread *thread;

	(void)arg;
	check(atexit(second_handler) == 0);
	check(weft_thread_spawn(register_and_exit, NULL, &kernel, &thread) == 0);
	for (;;)
		pause();
}

static void exit_ends_the_process_and_calls_handlers_once(void **state)
{
	static const weft_kind kinds[] = { WEFT_LIGHT, WEFT_USER };

	(void)state;
	for (int i = 0; i < 2; i++)
		if (kinds[i] == WEFT_LIGHT || world_has_user())
			assert_ends(exit_in_thread, (void *)&kinds[i], "12");
	assert_ends(exit_in_kernel_thread, NULL, "12");
}

/* ---- main returns */
static weft_sem begun = WEFT_SEM_INIT(0);

static int begin_and_spin(void *arg)
{
	check(weft_sem_wake(&begun) == 0);
	return world_spin(arg);
}

static void return_while_they_run(void *arg)
{
	const weft_sched_options two = { .processors = 2, .slice_ns = WORLD_SLICE_NS };
	weft_thread_options options = { .kind = *(weft_kind *)arg };

	check(atexit(first_handler) == 0);
	check(weft_sched_create(&two, &options.sched) == 0);
	for (uintptr_t i = 0; i < 6; i++)
		check(weft_thread_spawn(begin_and_spin, (void *)i, &options, NULL) == 0);
	for (int i = 0; i < 6; i++)
		check(weft_sem_wait(&begun) == 0);
}

static void main_may_return_while_threads_run(void **state)
{
	static const weft_kind kinds[] = { WEFT_LIGHT, WEFT_USER };

	(void)state;
	for (int i = 0; i < 2; i++)
		if (kinds[i] == WEFT_LIGHT || world_has_user())
			assert_ends(return_while_they_run, (void *)&kinds[i], "1");
}

/* ---- handlers of a thread's that has ended */
static int only_register(void *arg)
{
	(void)arg;
	check(atexit(first_handler) == 0);
	return 0;
}

static void register_in_thread(void *arg)
{
	world_run(only_register, NULL, *(weft_kind *)arg, 1);
	say('-');
}

static void a_handler_outlives_the_thread_that_registered_it(void **state)
{
	static const weft_kind kinds[] = { WEFT_LIGHT, WEFT_USER };

	(void)state;
	for (int i = 0; i < 2; i++)
		if (kinds[i] == WEFT_LIGHT || world_has_user())
			assert_ends(register_in_thread, (void *)&kinds[i], "-1");
}

/* ---- abort, _exit, a deadly signal */
static int abort_now(void *arg)
{
	(void)arg;
	signal(SIGABRT, SIG_DFL); /* the test framework's handler is not of the child */
	abort();
}

static void abort_in_thread(void *arg)
{
	world_run(abort_now, NULL, *(weft_kind *)arg, 2);
}

static void abort_ends_the_process(void **state)
{
	static const weft_kind kinds[] = { WEFT_LIGHT, WEFT_USER };
	char text[16];

	(void)state;
	for (int i = 0; i < 2; i++)
		if (kinds[i] == WEFT_LIGHT || world_has_user())
			assert_int_equal(run_child(abort_in_thread, (void *)&kinds[i], text),
					 -SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_case(exit_ends_the_process_and_calls_handlers_once),
		world_case(main_may_return_while_threads_run),
		world_case(a_handler_outlives_the_thread_that_registered_it),
		world_case(abort_ends_the_process),
	};

	world_watch(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
