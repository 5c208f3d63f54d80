/* SPDX-License-Identifier: MIT */
/*
 * Stack overflow as a program of weft_run meets it, each in a child: what is said on standard
 * error, and how the process ends. tests/mem has the report itself.
 */
#include <signal.h>
#include <string.h>

#include "child.h"
#include "in_sched.h"

/* Not static, and the program exports its symbols: the report knows it by name. */
__attribute__((noinline)) int weft_test_dig(int depth);

int weft_test_dig(int depth)
{
	volatile char frame[512];

	frame[0] = (char)depth;
	if (depth < 0)
		return 0;
	return weft_test_dig(depth + 1) + frame[0];
}

static int dig(void *arg)
{
	weft_sem_wait(arg);
	return weft_test_dig(0);
}

static volatile char *volatile nowhere;

static int write_to_zero(void *arg)
{
	*nowhere = 1;
	return 0;
}

/* ---- in the child */

static int spawn_and_join(void *arg)
{
	weft_thread_options options = { .kind = WEFT_LIGHT, .name = "digger" };
	weft_sem go = WEFT_SEM_INIT(0); /* when its number has been said */
	weft_thread *thread;

	if (arg != NULL)
		options = *(const weft_thread_options *)arg;
	weft_sleep(WEFT_MS); /* the thread has waited, and been moved about */
	if (weft_thread_spawn(dig, &go, &options, &thread) != 0)
		return 1;
	fprintf(stderr, "id %llu\n", (unsigned long long)weft_thread_id(thread));
	weft_sem_wake(&go);
	return weft_thread_join(thread, NULL);
}

static void run_digger(void *arg)
{
	child_forget_handlers();
	_exit(weft_run(spawn_and_join, arg, &(weft_sched_options){ .processors = 2 }));
}

static void run_null(void *arg)
{
	child_forget_handlers();
	_exit(weft_run(write_to_zero, NULL, &(weft_sched_options){ .processors = 2 }));
}

static void dig_on_kernel_thread(void *arg)
{
	child_forget_handlers();
	_exit(weft_run(spawn_and_join,
		       &(weft_thread_options){ .kind = WEFT_KERNEL, .stack_bytes = 65536 }, NULL));
}

/* The program's own handler, from before weft_run. */
static void say_and_exit(int number, siginfo_t *info, void *context)
{
	static const char text[] = "the program's handler\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(1);
	_exit(number == SIGSEGV && info->si_addr != NULL && context != NULL ? 42 : 1);
}

static void run_with_handler(void *arg)
{
	/* Without an alternate stack it could not run where there is no stack left. */
	struct sigaction action = { .sa_sigaction = say_and_exit,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };

	child_forget_handlers();
	sigaction(SIGSEGV, &action, NULL);
	_exit(weft_run(spawn_and_join, NULL, NULL));
}

/* Twice: the second weft_run does not chain the handler to itself. */
static int return_zero(void *arg)
{
	return 0;
}

static void run_again_then_dig(void *arg)
{
	child_forget_handlers();
	for (int i = 0; i < 3; i++)
		if (weft_run(return_zero, NULL, NULL) != 0)
			_exit(1);
	_exit(weft_run(spawn_and_join, NULL, NULL));
}

/* ---- what the parent sees */

static void assert_reported(const struct child_said *said, const char *rest)
{
	unsigned long long number = 0;
	char wanted[160];

	assert_int_equal(sscanf(said->text, "id %llu\n", &number), 1);
	snprintf(wanted, sizeof wanted, "weft: stack overflow in thread %llu %s", number, rest);
	if (strstr(said->text, wanted) == NULL)
		fail_msg("\"%s\" has no \"%s\"", said->text, wanted);
}

static void an_overflow_names_the_thread_its_stack_and_its_function(void **state)
{
	struct child_said said;

	child_listen(run_digger, NULL, &said);
	assert_int_equal(said.status, -SIGSEGV);
	assert_reported(&said, "\"digger\" (64 KiB stack): in function weft_test_dig (");
}

static void a_larger_stack_is_named_with_its_size(void **state)
{
	weft_thread_options options = { .name = "large", .stack_bytes = (size_t)2 << 20 };
	struct child_said said;

	child_listen(run_digger, &options, &said);
	assert_int_equal(said.status, -SIGSEGV);
	assert_reported(&said, "\"large\" (2 MiB stack): in function weft_test_dig (");
}

static void another_fault_is_not_called_an_overflow(void **state)
{
	struct child_said said;

	child_listen(run_null, NULL, &said);
	assert_int_equal(said.status, -SIGSEGV);
	assert_null(strstr(said.text, "weft"));
}

static void a_kernel_thread_s_overflow_is_the_system_s(void **state)
{
	struct child_said said;

	child_listen(dig_on_kernel_thread, NULL, &said);
	assert_int_equal(said.status, -SIGSEGV);
	assert_null(strstr(said.text, "weft"));
}

static void the_program_s_own_handler_runs_after_the_report(void **state)
{
	struct child_said said;
	char *report, *handler;

	child_listen(run_with_handler, NULL, &said);
	assert_int_equal(said.status, 42);
	assert_reported(&said, "\"digger\" (64 KiB stack): in function weft_test_dig (");
	report = strstr(said.text, "weft: stack overflow");
	handler = strstr(said.text, "the program's handler\n");
	assert_non_null(handler);
	assert_true(report < handler);
	assert_null(strstr(report + 1, "weft: stack overflow")); /* once */
}

static void it_is_reported_once_however_often_weft_run_was_called(void **state)
{
	struct child_said said;
	char *report;

	child_listen(run_again_then_dig, NULL, &said);
	assert_int_equal(said.status, -SIGSEGV);
	report = strstr(said.text, "weft: stack overflow");
	assert_non_null(report);
	assert_null(strstr(report + 1, "weft: stack overflow"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_overflow_names_the_thread_its_stack_and_its_function),
		cmocka_unit_test(a_larger_stack_is_named_with_its_size),
		cmocka_unit_test(another_fault_is_not_called_an_overflow),
		cmocka_unit_test(a_kernel_thread_s_overflow_is_the_system_s),
		cmocka_unit_test(the_program_s_own_handler_runs_after_the_report),
		cmocka_unit_test(it_is_reported_once_however_often_weft_run_was_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
