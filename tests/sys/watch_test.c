/* SPDX-License-Identifier: MIT */
/* Watches, by each means, and the sleep of who looks. A machine that forbids perf runs those tests
 * by CPU clock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc.h"
#include "watched.h"

static struct watched watched;
static struct weft__watcher *watcher;
static int ends[2];

static int start_by(bool no_perf, bool no_clock)
{
	weft__sys_force.no_perf_watch = no_perf;
	weft__sys_force.no_clock_watch = no_clock;
	watched_start(&watched);
	return pipe(ends) != 0 || weft__sys_watcher_open(&watcher) != 0 ||
	       weft__sys_watcher_add(watcher, watched.watch) != 0;
}

static int start_by_perf(void **state)
{
	(void)state;
	return start_by(false, false);
}

static int start_by_clock(void **state)
{
	(void)state;
	return start_by(true, false);
}

static int start_by_proc(void **state)
{
	(void)state;
	return start_by(true, true);
}

static int stop(void **state)
{
	(void)state;
	weft__sys_watcher_remove(watcher, watched.watch);
	weft__sys_watcher_close(watcher);
	watched_end(&watched);
	close(ends[0]);
	close(ends[1]);
	weft__sys_force.no_perf_watch = weft__sys_force.no_clock_watch = false;
	return 0;
}

/* Looks until it is so. False: it does not become so. */
static bool look_until(enum weft__watch_state wanted, int64_t *out_since_ns)
{
	int64_t end = weft__sys_now() + PATIENCE;

	while (weft__sys_watch_look(watched.watch, out_since_ns) != wanted) {
		if (weft__sys_now() > end)
			return false;
		weft__sys_thread_yield();
	}
	return true;
}

/* ---- blocked or not */

static void read_byte(void *arg)
{
	char byte;

	(void)arg;
	if (read(ends[0], &byte, 1) != 1)
		abort();
}

static void feed(void)
{
	assert_int_equal(write(ends[1], "x", 1), 1);
}

static void one_that_reads_is_blocked_until_it_gets(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		int64_t before = weft__sys_now(), since = 0, again = 0;

		watched_begin(&watched, read_byte, NULL);
		assert_true(look_until(WEFT__WATCH_BLOCKED, &since));
		assert_true(since <= weft__sys_now());
		/* The first look of all may have seen its clock stand still earlier, at a pause. */
		assert_true(since > before - PATIENCE);
		assert_string_equal(weft__sys_watch_call(watched.watch), "read");
		assert_true(look_until(WEFT__WATCH_BLOCKED, &again));
		assert_true(again <= weft__sys_now() && again >= before - PATIENCE);
		feed();
		watched_finish(&watched);
		/* It may yet be on its way out of the wake that told of its end. */
		assert_true(look_until(WEFT__WATCH_RUNS, &since));
	}
}

static uint32_t stop_computing;

static void compute(void *arg)
{
	(void)arg;
	while (atomic_load_acquire(&stop_computing) == 0)
		;
}

static void pin(void *arg)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(*(int *)arg, &set);
	sched_setaffinity(0, sizeof set, &set);
}

static void *pin_and_compute(void *arg)
{
	pin(arg);
	compute(NULL);
	return NULL;
}

/* It waits for the CPU half of the time. */
static void one_that_computes_runs_even_without_a_cpu(void **state)
{
	int cpu = sched_getcpu();
	weft__sys_thread rival;
	int64_t since;

	(void)state;
	atomic_store_relaxed(&stop_computing, 0u);
	watched_do(&watched, pin, &cpu);
	assert_int_equal(weft__sys_thread_start(pin_and_compute, &cpu, 0, "rival", &rival), 0);
	watched_begin(&watched, compute, NULL);
	assert_true(look_until(WEFT__WATCH_RUNS, &since));
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(weft__sys_watch_look(watched.watch, &since), WEFT__WATCH_RUNS);
		if (i % 100 == 0)
			weft__sys_thread_yield();
	}
	atomic_store_release(&stop_computing, 1u);
	watched_finish(&watched);
	weft__sys_thread_join(rival);
}

static void sleep_paused(void *arg)
{
	weft__sys_watch_pause(watched.watch);
	atomic_store_release((uint32_t *)arg, 1u);
	read_byte(NULL);
	weft__sys_watch_resume(watched.watch);
	read_byte(NULL);
}

static void one_that_paused_is_not_blocked(void **state)
{
	uint32_t is_paused = 0;
	int64_t since;

	(void)state;
	watched_begin(&watched, sleep_paused, &is_paused);
	while (atomic_load_acquire(&is_paused) == 0)
		weft__sys_watch_look(watched.watch, &since);
	for (int i = 0; i < 100; i++)
		assert_int_equal(weft__sys_watch_look(watched.watch, &since), WEFT__WATCH_RUNS);
	feed();
	assert_true(look_until(WEFT__WATCH_BLOCKED, &since));
	feed();
	watched_finish(&watched);
}

static char *missing_page;

static void touch(void *arg)
{
	(void)arg;
	*(volatile char *)missing_page = 1;
}

static int open_userfault(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return -1;
	missing_page =
		mmap(NULL, WEFT__PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)missing_page;
	range.range.len = WEFT__PAGE;
	if (missing_page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) != 0 ||
	    ioctl(fd, UFFDIO_REGISTER, &range) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void one_in_a_page_fault_is_blocked(void **state)
{
	int64_t since;
	int fd = open_userfault();

	(void)state;
	if (fd < 0)
		skip();
	watched_begin(&watched, touch, NULL);
	assert_true(look_until(WEFT__WATCH_BLOCKED, &since));
	assert_string_equal(weft__sys_watch_call(watched.watch), "page fault");
	close(fd); /* the fault is answered with a page of zeroes */
	watched_finish(&watched);
	munmap(missing_page, WEFT__PAGE);
}

static void lock_word(void *arg)
{
	uint32_t word = 1;

	(void)arg;
	atomic_store_release((uint32_t **)arg, &word);
	while (atomic_load_acquire(&word) != 0)
		weft__sys_wait(&word, 1, WEFT_FOREVER);
	atomic_store_release((uint32_t **)arg, NULL);
	while (atomic_load_acquire((uint32_t **)arg) == NULL)
		; /* the waker is not done with the word */
}

static void calls_have_names(void **state)
{
	uint32_t *word = NULL, *at;
	int64_t since;

	(void)state;
	watched_begin(&watched, lock_word, &word);
	assert_true(look_until(WEFT__WATCH_BLOCKED, &since));
	assert_string_equal(weft__sys_watch_call(watched.watch), "futex");
	at = atomic_load_acquire(&word);
	atomic_store_release(at, 0u);
	weft__sys_wake(at, 1);
	while (atomic_load_acquire(&word) != NULL)
		weft__sys_thread_yield();
	/* It computes now. */
	assert_string_equal(weft__sys_watch_call(watched.watch), "nothing");
	atomic_store_release(&word, (uint32_t *)&since);
	watched_finish(&watched);
}

static void by_which_means_is_told(void **state)
{
	(void)state;
	assert_int_equal(weft__sys_watch_tid(watched.watch) != getpid(), 1);
	if (weft__sys_force.no_clock_watch)
		assert_int_equal(weft__sys_watch_means(watched.watch), WEFT__WATCH_PROC);
	else if (weft__sys_force.no_perf_watch)
		assert_int_equal(weft__sys_watch_means(watched.watch), WEFT__WATCH_CLOCK);
	else
		assert_int_not_equal(weft__sys_watch_means(watched.watch), WEFT__WATCH_PROC);
}

/* ---- the sleep */

static void a_wait_ends_at_its_deadline(void **state)
{
	int64_t deadline = weft__sys_now() + 3000000;
	int turns = 0;

	(void)state;
	while (weft__sys_now() < deadline && ++turns < 1000)
		weft__sys_watcher_wait(watcher, deadline);
	assert_true(weft__sys_now() >= deadline);
	assert_true(turns < 1000);
	weft__sys_watcher_wait(watcher, 0);
	weft__sys_watcher_wait(watcher, deadline);
}

static void *ring(void *arg)
{
	uint32_t *rings = arg;

	for (uint32_t i = 1; i <= 500; i++) {
		weft__sys_watcher_ring(watcher);
		while (atomic_load_acquire(rings) < i)
			weft__sys_thread_yield();
	}
	return NULL;
}

static void every_ring_ends_a_wait(void **state)
{
	weft__sys_thread other;
	uint32_t rings = 0;

	(void)state;
	assert_int_equal(weft__sys_thread_start(ring, &rings, 0, "ringer", &other), 0);
	for (int i = 0; i < 500; i++) {
		weft__sys_watcher_wait(watcher, WEFT_FOREVER);
		atomic_add_acq_rel(&rings, 1u);
	}
	weft__sys_thread_join(other);
	/* Several become one, which is there before the wait. */
	weft__sys_watcher_ring(watcher);
	weft__sys_watcher_ring(watcher);
	weft__sys_watcher_wait(watcher, WEFT_FOREVER);
}

static void compute_and_read(void *arg)
{
	atomic_store_release((uint32_t *)arg, 1u);
	for (int i = 0; i < 20; i++) {
		compute(NULL);
		read_byte(NULL);
		atomic_store_release(&stop_computing, 0u);
	}
}

/* Nobody looks meanwhile, so only the ring of records can end the wait. */
static void by_perf_a_block_ends_the_wait(void **state)
{
	int64_t since = 0, end = weft__sys_now() + PATIENCE;
	uint32_t has_begun = 0;

	(void)state;
	if (weft__sys_watch_means(watched.watch) != WEFT__WATCH_PERF)
		skip();
	atomic_store_relaxed(&stop_computing, 0u);
	watched_begin(&watched, compute_and_read, &has_begun);
	/* The pause from which it comes would end what the look begins. */
	while (atomic_load_acquire(&has_begun) == 0)
		weft__sys_thread_yield();
	for (int i = 0; i < 20; i++) {
		assert_true(look_until(WEFT__WATCH_RUNS, &since));
		atomic_store_release(&stop_computing, 1u);
		weft__sys_watcher_wait(watcher, end);
		assert_true(weft__sys_now() < end);
		while (weft__sys_watch_look(watched.watch, &since) != WEFT__WATCH_BLOCKED)
			weft__sys_watcher_wait(watcher, end);
		assert_true(since > end - PATIENCE && since <= weft__sys_now());
		feed();
		while (atomic_load_acquire(&stop_computing) != 0)
			weft__sys_thread_yield();
	}
	atomic_store_release(&stop_computing, 1u);
	feed();
	watched_finish(&watched);
}

static void sleep_often(void *arg)
{
	for (int i = 0; i < 200; i++) {
		weft__sys_watch_pause(watched.watch);
		usleep(100);
		weft__sys_watch_resume(watched.watch);
	}
	atomic_store_release((uint32_t *)arg, 1u);
	weft__sys_watcher_ring(watcher);
}

static void paused_sleeps_do_not_end_the_wait(void **state)
{
	uint32_t is_done = 0;
	int64_t since;
	int waits = 0;

	(void)state;
	assert_true(look_until(WEFT__WATCH_RUNS, &since));
	watched_begin(&watched, sleep_often, &is_done);
	while (atomic_load_acquire(&is_done) == 0) {
		weft__sys_watch_look(watched.watch, &since);
		weft__sys_watcher_wait(watcher, WEFT_FOREVER);
		waits++;
	}
	watched_finish(&watched);
	assert_true(waits < 20); /* the ring; a block between two sleeps is possible, seldom */
}

/* ---- what is left behind */

static int count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	if (directory == NULL)
		abort();
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static void a_closed_watch_leaves_nothing(void **state)
{
	int fds = count_fds(), mappings;
	struct weft__watch *many[40];
	int64_t since;

	(void)state;
	for (int round = 0; round < 3; round++) {
		mappings = proc_mappings();
		for (int i = 0; i < 40; i++) {
			assert_int_equal(weft__sys_watch_open(&many[i]), 0);
			assert_int_equal(weft__sys_watcher_add(watcher, many[i]), 0);
			weft__sys_watch_arm(many[i], 1000 * WEFT_SECOND);
			weft__sys_watch_look(many[i], &since);
		}
		for (int i = 0; i < 40; i++) {
			weft__sys_watcher_remove(watcher, many[i]);
			weft__sys_watch_close(many[i]);
		}
		if (round > 0)
			assert_true(proc_mappings() <= mappings);
	}
	assert_int_equal(count_fds(), fds);
}

static void *open_and_report(void *arg)
{
	struct weft__watch **watch = arg;

	if (weft__sys_watch_open(watch) != 0)
		*watch = NULL;
	return NULL;
}

static void one_whose_thread_has_ended_runs_and_can_be_closed(void **state)
{
	struct weft__watch *watch = NULL;
	weft__sys_thread thread;
	int64_t since;

	(void)state;
	assert_int_equal(weft__sys_thread_start(open_and_report, &watch, 0, "brief", &thread), 0);
	weft__sys_thread_join(thread);
	assert_non_null(watch);
	for (int i = 0; i < 3; i++)
		assert_int_equal(weft__sys_watch_look(watch, &since), WEFT__WATCH_RUNS);
	weft__sys_watch_arm(watch, 1000000);
	weft__sys_watch_tick(watch);
	weft__sys_watch_close(watch);
}

struct fresh {
	struct weft__watch *watch; /* atomic */
	uint32_t is_seen;
};

/* Paused until it has been looked at: so it attends itself, for the first time, when it resumes. */
static void *attend_first(void *arg)
{
	struct fresh *fresh = arg;
	struct weft__watch *watch;

	if (weft__sys_watch_open(&watch) != 0)
		abort();
	weft__sys_watch_pause(watch);
	atomic_store_release(&fresh->watch, watch);
	while (atomic_load_acquire(&fresh->is_seen) == 0)
		weft__sys_thread_yield();
	weft__sys_watch_resume(watch);
	return NULL;
}

static void one_is_looked_at_while_it_attends_for_the_first_time(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct fresh fresh = { NULL, 0 };
		struct weft__watch *watch;
		weft__sys_thread thread;
		int64_t since;

		assert_int_equal(weft__sys_thread_start(attend_first, &fresh, 0, "first", &thread),
				 0);
		while ((watch = atomic_load_acquire(&fresh.watch)) == NULL)
			weft__sys_thread_yield();
		assert_int_equal(weft__sys_watch_look(watch, &since), WEFT__WATCH_RUNS);
		atomic_store_release(&fresh.is_seen, 1u);
		for (int k = 0; k < 500; k++)
			weft__sys_watch_look(watch, &since);
		weft__sys_thread_join(thread);
		weft__sys_watch_close(watch);
	}
}

static void look_without_descriptors(void *arg)
{
	struct rlimit few = { .rlim_cur = 16, .rlim_max = 16 };
	struct weft__watch *watch;
	int64_t since;

	(void)arg;
	setrlimit(RLIMIT_NOFILE, &few);
	if (weft__sys_watch_open(&watch) != 0)
		_exit(1);
	while (dup(0) >= 0)
		;
	for (int i = 0; i < 3; i++)
		if (weft__sys_watch_look(watch, &since) != WEFT__WATCH_RUNS)
			_exit(2);
	if (weft__sys_watch_means(watch) != WEFT__WATCH_CLOCK)
		_exit(3);
	weft__sys_watch_close(watch);
}

static void without_descriptors_it_goes_by_clock(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(look_without_descriptors, NULL), 0);
}

/* The child of a thread that was watched closes what it inherited; the parent's stays. */
static void close_all(void *arg)
{
	struct watched mine;
	int64_t since, end = weft__sys_now() + PATIENCE;

	(void)arg;
	weft__sys_watcher_close(watcher);
	weft__sys_watch_close(watched.watch);
	watched_start(&mine);
	watched_begin(&mine, read_byte, NULL);
	while (weft__sys_watch_look(mine.watch, &since) != WEFT__WATCH_BLOCKED)
		if (weft__sys_now() > end)
			_exit(1);
	if (write(ends[1], "x", 1) != 1)
		_exit(2);
	watched_end(&mine);
}

static void fork_s_child_closes_and_opens_anew(void **state)
{
	const char *sanitizer = getenv("WEFT_SANITIZED");
	int64_t since;

	(void)state;
	if (sanitizer != NULL && strcmp(sanitizer, "thread") == 0) {
		print_message("the thread sanitizer ends a child that makes threads\n");
		skip();
	}
	watched_begin(&watched, read_byte, NULL);
	assert_true(look_until(WEFT__WATCH_BLOCKED, &since));
	feed();
	watched_finish(&watched);
	assert_int_equal(proc_in_child(close_all, NULL), 0);
	watched_begin(&watched, read_byte, NULL);
	assert_true(look_until(WEFT__WATCH_BLOCKED, &since));
	feed();
	watched_finish(&watched);
}

#define THRICE(test)                                                         \
	cmocka_unit_test_setup_teardown(test, start_by_perf, stop),          \
		cmocka_unit_test_setup_teardown(test, start_by_clock, stop), \
		cmocka_unit_test_setup_teardown(test, start_by_proc, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		THRICE(by_which_means_is_told),
		THRICE(one_that_reads_is_blocked_until_it_gets),
		THRICE(one_that_computes_runs_even_without_a_cpu),
		THRICE(one_that_paused_is_not_blocked),
		THRICE(one_in_a_page_fault_is_blocked),
		THRICE(calls_have_names),
		THRICE(a_closed_watch_leaves_nothing),
		THRICE(one_whose_thread_has_ended_runs_and_can_be_closed),
		THRICE(one_is_looked_at_while_it_attends_for_the_first_time),
		THRICE(fork_s_child_closes_and_opens_anew),
		THRICE(a_wait_ends_at_its_deadline),
		THRICE(every_ring_ends_a_wait),
		THRICE(paused_sleeps_do_not_end_the_wait),
		cmocka_unit_test_setup_teardown(by_perf_a_block_ends_the_wait, start_by_perf, stop),
		cmocka_unit_test(without_descriptors_it_goes_by_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
