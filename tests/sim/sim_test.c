/* SPDX-License-Identifier: MIT */
/* The simulator: what a run tells, that a seed is a run, and that descriptors behave as on
 * Linux. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <weft/time.h>

#include "base/atomic.h"
#include "scenario.h"
#include "seed_file.h"
#include "sys/sys.h"

static enum weft__sim_outcome run(uint64_t seed, void (*scenario)(void *),
				  struct weft__sim_report *out_report)
{
	static const struct weft__sim_options options = {
		.spurious = 100,
		.eintr = 50,
		.short_io = 100,
		.again = 50,
	};

	return weft__sim_run_apart(seed, &options, scenario, NULL, out_report);
}

/* ---- what a run tells */

static void nothing(void *arg)
{
	(void)arg;
}

static void wait_for_ever(void *arg)
{
	uint32_t word = 0;

	(void)arg;
	while (atomic_load_relaxed(&word) == 0)
		weft__sys_wait(&word, 0, WEFT_FOREVER);
}

static void spin_for_ever(void *arg)
{
	uint32_t word = 0;

	(void)arg;
	while (atomic_load_relaxed(&word) == 0)
		;
}

static void panic(void *arg)
{
	(void)arg;
	weft__panic("the sky falls");
}

static void assert_wrongly(void *arg)
{
	(void)arg;
	weft__assert(1 + 1 == 3);
}

static void fail_as_cmocka_does(void *arg)
{
	(void)arg;
	assert_int_equal(1, 2);
}

static void be_killed(void *arg)
{
	(void)arg;
	raise(SIGKILL); /* no sanitizer catches this one */
}

static void *wait_in_vain(void *arg)
{
	wait_for_ever(arg);
	return NULL;
}

static void leave_somebody_behind(void *arg)
{
	weft__sys_thread thread;

	(void)arg;
	weft__sys_thread_start(wait_in_vain, NULL, 0, "forgotten", &thread);
}

static void each_outcome_is_told(void **state)
{
	static const struct {
		void (*scenario)(void *);
		enum weft__sim_outcome outcome;
		const char *failure;
	} cases[] = {
		{ nothing, WEFT__SIM_PASSED, "" },
		{ wait_for_ever, WEFT__SIM_DEADLOCK, "deadlock" },
		{ spin_for_ever, WEFT__SIM_LIVELOCK, "livelock" },
		{ panic, WEFT__SIM_FAILED, "weft: the sky falls" },
		{ assert_wrongly, WEFT__SIM_FAILED, "1 + 1 == 3 does not hold" },
		{ fail_as_cmocka_does, WEFT__SIM_FAILED, "0x1 != 0x2" },
		{ be_killed, WEFT__SIM_FAILED, "status 0x9" },
		{ leave_somebody_behind, WEFT__SIM_FAILED, "1 kernel thread(s) left behind" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct weft__sim_options options = { .steps_max = 100000 };
		struct weft__sim_report report;

		assert_int_equal(weft__sim_run_apart(1, &options, cases[i].scenario, NULL, &report),
				 cases[i].outcome);
		if (strstr(report.failure, cases[i].failure) == NULL)
			fail_msg("'%s' is not in '%s'", cases[i].failure, report.failure);
	}
}

static void a_deadlock_says_who_waits_where(void **state)
{
	struct weft__sim_report report;

	(void)state;
	weft__sim_run_apart(1, NULL, wait_for_ever, NULL, &report);
	assert_non_null(strstr(weft__sim_output(), "kernel thread 0 'scenario' waits in wait"));
}

/* ---- a seed is a run */

static void a_seed_gives_the_same_run_twice(void **state)
{
	struct weft__sim_report first, second;
	unsigned place = 0, different = 0;
	const struct scenario *scenario;

	(void)state;
	while ((scenario = scenario_next("sys", &place)) != NULL)
		for (uint64_t seed = 1; seed <= 20; seed++) {
			weft__sim_run_apart(seed, &scenario->options, scenario->run, NULL, &first);
			weft__sim_run_apart(seed, &scenario->options, scenario->run, NULL, &second);
			assert_memory_equal(&first, &second, sizeof first);
			weft__sim_run_apart(seed + 1000, &scenario->options, scenario->run, NULL,
					    &second);
			different += first.trace_hash != second.trace_hash;
		}
	assert_true(different > 100); /* and another seed mostly another one */
}

static void tracing_changes_nothing(void **state)
{
	struct weft__sim_report plain, traced;
	unsigned place = 0;
	const struct scenario *scenario = scenario_next("poller-with-many-waiters", &place);
	int out = dup(STDOUT_FILENO);

	(void)state;
	weft__sim_run_apart(5, &scenario->options, scenario->run, NULL, &plain);
	fflush(stdout);
	assert_non_null(freopen("/dev/null", "w", stdout));
	weft__sim_trace(true, true);
	weft__sim_run_apart(5, &scenario->options, scenario->run, NULL, &traced);
	weft__sim_trace(false, false);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	assert_memory_equal(&plain, &traced, sizeof plain);
}

static void a_seed_file_holds_the_run(void **state)
{
	struct seed_file file = {
		.scenario = "test",
		.seed = UINT64_MAX,
		.options = { .cpus = 3, .again = 7 },
		.failure = "it fell over",
	};
	struct seed_file read;
	char path[256], directory[] = "/tmp/weft-seeds-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(seed_file_write(&file, path, sizeof path), 0);
	assert_int_equal(seed_file_read(path, &read), 0);
	assert_string_equal(read.scenario, file.scenario);
	assert_string_equal(read.failure, file.failure);
	assert_int_equal(read.seed, file.seed);
	assert_memory_equal(&read.options, &file.options, sizeof read.options);
	assert_int_equal(seed_file_read("/dev/null", &read), -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir("seeds"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(directory), 0);
}

/* Within one process, run after run. */
static void runs_may_follow_each_other_in_one_process(void **state)
{
	struct weft__sim_report report;
	unsigned place = 0;
	const struct scenario *scenario = scenario_next("futex-ping-pong", &place);

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		assert_int_equal(weft__sim_run(seed, &scenario->options, scenario->run, NULL,
					       &report),
				 WEFT__SIM_PASSED);
}

/* ---- time */

static void jump_far(void *arg)
{
	uint32_t word = 0;
	int64_t before = weft__sys_now();

	(void)arg;
	while (weft__sys_wait(&word, 0, before + 86400 * WEFT_SECOND) != -ETIMEDOUT)
		;
	weft__sim_check(weft__sys_now() >= before + 86400 * WEFT_SECOND);
}

static void a_day_passes_at_once(void **state)
{
	struct weft__sim_report report;

	(void)state;
	assert_int_equal(run(3, jump_far, &report), WEFT__SIM_PASSED);
	assert_true(report.virtual_ns >= 86400 * WEFT_SECOND);
	assert_true(report.steps < 1000);
}

/* ---- pollers: as epoll. Without nuisances, and alone, so that the order is certain */

static int look(int poller, struct weft__sys_event *out_event)
{
	return weft__sys_poller_wait(poller, out_event, 1, 0);
}

static void use_edges(void *arg)
{
	struct weft__sys_event event;
	int poller = weft__sys_poller_open(), fds[2];
	char byte;

	(void)arg;
	weft__sim_check(weft__sys_pipe(fds) == 0);
	weft__sim_check(weft__sys_poller_add(poller, fds[0], 7) == 0);
	weft__sim_check(weft__sys_poller_add(poller, fds[0], 8) == -EEXIST);
	weft__sim_check(look(poller, &event) == 0);
	/* Each write is an edge; what was told is not told again. */
	weft__sim_check(weft__sys_write(fds[1], "ab", 2) == 2);
	weft__sim_check(look(poller, &event) == 1 && event.tag == 7 &&
			event.ready == WEFT__POLL_READ);
	weft__sim_check(look(poller, &event) == 0);
	weft__sim_check(weft__sys_write(fds[1], "c", 1) == 1);
	weft__sim_check(look(poller, &event) == 1);
	/* One that was read meanwhile is none. */
	weft__sim_check(weft__sys_write(fds[1], "d", 1) == 1);
	while (weft__sys_read(fds[0], &byte, 1) == 1)
		;
	weft__sim_check(look(poller, &event) == 0);
	/* The end of the stream is one. */
	weft__sim_check(weft__sys_close(fds[1]) == 0);
	weft__sim_check(look(poller, &event) == 1);
	weft__sim_check(weft__sys_read(fds[0], &byte, 1) == 0);
	/* Closing takes it out: nothing comes, and the number is the lowest free one. */
	weft__sim_check(weft__sys_close(fds[0]) == 0);
	weft__sim_check(weft__sys_bell_open() == fds[0]);
	weft__sys_bell_ring(fds[0]);
	weft__sim_check(look(poller, &event) == 0);
}

static void use_once(void *arg)
{
	struct weft__sys_event event;
	int poller = weft__sys_poller_open(), fds[2];

	(void)arg;
	weft__sim_check(weft__sys_pipe(fds) == 0);
	weft__sim_check(weft__sys_poller_once(poller, fds[0], WEFT__POLL_READ, 1) == 0);
	weft__sim_check(weft__sys_write(fds[1], "a", 1) == 1);
	weft__sim_check(look(poller, &event) == 1 && event.tag == 1);
	weft__sim_check(weft__sys_write(fds[1], "b", 1) == 1);
	weft__sim_check(look(poller, &event) == 0);
	/* Ordered again, it tells what is there already. */
	weft__sim_check(weft__sys_poller_once(poller, fds[0], WEFT__POLL_READ, 2) == 0);
	weft__sim_check(look(poller, &event) == 1 && event.tag == 2);
}

static void use_bell(void *arg)
{
	struct weft__sys_event event;
	int poller = weft__sys_poller_open(), bell = weft__sys_bell_open();

	(void)arg;
	weft__sim_check(weft__sys_poller_add(poller, bell, 1) == 0);
	/* It can be written: the event that adding may bring. It says so. */
	weft__sim_check(look(poller, &event) == 1 && event.ready == WEFT__POLL_WRITE);
	for (int i = 0; i < 3; i++) {
		weft__sys_bell_ring(bell);
		weft__sim_check(look(poller, &event) == 1 && (event.ready & WEFT__POLL_READ));
		weft__sim_check(look(poller, &event) == 0);
	}
	weft__sim_check(weft__sys_poll(-1, 0, bell, WEFT_FOREVER) == 0);
	weft__sys_bell_clear(bell);
	weft__sim_check(weft__sys_poll(-1, 0, bell, weft__sys_now() + 1000) == -ETIMEDOUT);
}

static void *wait_for_one_event(void *arg)
{
	struct weft__sys_event event;

	weft__sim_check(weft__sys_poller_wait(*(int *)arg, &event, 1, WEFT_FOREVER) == 1);
	return NULL;
}

/* Two events, two waiters: each gets one, though the first is woken for both. */
static void use_two_waiters(void *arg)
{
	int poller = weft__sys_poller_open();
	int fds[2][2];
	weft__sys_thread threads[2];

	(void)arg;
	for (int i = 0; i < 2; i++) {
		weft__sim_check(weft__sys_pipe(fds[i]) == 0);
		weft__sim_check(weft__sys_poller_add(poller, fds[i][0], (uint64_t)i) == 0);
		weft__sim_check(weft__sys_thread_start(wait_for_one_event, &poller, 0, "waiter",
						       &threads[i]) == 0);
	}
	for (int i = 0; i < 2; i++)
		weft__sim_check(weft__sys_write(fds[i][1], "x", 1) == 1);
	for (int i = 0; i < 2; i++)
		weft__sys_thread_join(threads[i]);
}

static void pollers_behave_as_epoll(void **state)
{
	static void (*const scenarios[])(void *) = { use_edges, use_once, use_bell,
						     use_two_waiters };
	struct weft__sim_report report;

	(void)state;
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		for (uint64_t seed = 1; seed <= 50; seed++)
			if (weft__sim_run_apart(seed, NULL, scenarios[i], NULL, &report) !=
			    WEFT__SIM_PASSED)
				fail_msg("%zu, seed %d: %s", i, (int)seed, report.failure);
}

/* ---- refusals */

static void open_until_full(void *arg)
{
	int last = -1, fd;

	(void)arg;
	while ((fd = weft__sys_bell_open()) >= 0)
		last = fd;
	weft__sim_check(fd == -EMFILE && last == 9);
}

static void expect_refusals(void *arg)
{
	unsigned refused = 0;
	void *at;

	(void)arg;
	for (int i = 0; i < 1000; i++)
		if (weft__sys_reserve(WEFT__PAGE, WEFT__PAGE, &at) < 0)
			refused++;
		else
			weft__sys_unreserve(at, WEFT__PAGE);
	weft__sim_check(refused > 300 && refused < 700);
	weft__sim_inject(false);
	weft__sim_check(weft__sys_reserve(WEFT__PAGE, WEFT__PAGE, &at) == 0);
	weft__sys_unreserve(at, WEFT__PAGE);
}

static void limits_and_rates_are_kept(void **state)
{
	const struct weft__sim_options few = { .fds_max = 10 }, bad = { .fail_reserve = 500 };
	struct weft__sim_report report;

	(void)state;
	assert_int_equal(weft__sim_run_apart(1, &few, open_until_full, NULL, &report),
			 WEFT__SIM_PASSED);
	assert_int_equal(weft__sim_run_apart(1, &bad, expect_refusals, NULL, &report),
			 WEFT__SIM_PASSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_outcome_is_told),
		cmocka_unit_test(a_deadlock_says_who_waits_where),
		cmocka_unit_test(a_seed_gives_the_same_run_twice),
		cmocka_unit_test(tracing_changes_nothing),
		cmocka_unit_test(a_seed_file_holds_the_run),
		cmocka_unit_test(runs_may_follow_each_other_in_one_process),
		cmocka_unit_test(a_day_passes_at_once),
		cmocka_unit_test(pollers_behave_as_epoll),
		cmocka_unit_test(limits_and_rates_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
