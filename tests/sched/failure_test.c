/* SPDX-License-Identifier: MIT */
/*
 * Each step that can fail, failing in its turn: nothing is lost, what runs goes on, and the same
 * call succeeds afterwards.
 */
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_sched.h"
#include "mem/stack.h"
#include "proc.h"
#include "sched/engine.h"
#include "sys/linux/force.h"

#define PROCESSORS 3

static int count_files(const char *path)
{
	DIR *directory = opendir(path);
	int count = -3; /* itself, and two that every folder has */

	if (directory == NULL)
		abort();
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

struct holdings {
	int fds;
	size_t stacks;
	long kib;
};

/* Carriers bear their scheduler's name. A sanitizer has kernel threads of its own. */
static int count_carriers(void)
{
	DIR *directory = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	if (directory == NULL)
		abort();
	while ((entry = readdir(directory)) != NULL) {
		char path[300], name[16] = "";
		FILE *file;

		snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fgets(name, sizeof name, file) != NULL)
			count += strcmp(name, "sched\n") == 0 || strcmp(name, "main\n") == 0;
		fclose(file);
	}
	closedir(directory);
	return count;
}

/* A kernel thread that was joined is in the list for a moment longer. */
static void await_alone(void)
{
	while (count_carriers() != 0)
		weft__sys_thread_yield();
}

static struct holdings look(void)
{
	struct weft__stack_counts stacks;

	await_alone();
	weft__stack_count(&stacks);
	/* What a sanitizer holds beside is not ours to count. */
	return (struct holdings){ count_files("/proc/self/fd"), stacks.in_use,
				  getenv("WEFT_SANITIZED") == NULL ? proc_kib("VmSize") : 0 };
}

static void assert_the_same(const struct holdings *before)
{
	struct holdings now = look();

	assert_int_equal(now.fds, before->fds);
	assert_int_equal(now.stacks, before->stacks);
	assert_int_equal(now.kib, before->kib);
}

static int return_seven(void *arg)
{
	return 7;
}

static const weft_sched_options three = { .processors = PROCESSORS };

/* What is made once and kept: records of stacks, the C library's stacks for kernel threads. */
static int warm_up(void **state)
{
	mallopt(M_ARENA_MAX, 1); /* or it reserves 64 MiB when threads happen to meet in it */
	for (int i = 0; i < 3; i++)
		assert_int_equal(weft_run(return_seven, NULL, &three), 7);
	look();
	return 0;
}

/* ---- making a scheduler */

/* Its record; of each processor the record and two rings; of each carrier the record. */
#define RESERVES (1 + 3 * PROCESSORS + PROCESSORS)

static void assert_fails_at_each(int *countdown, int steps, int error)
{
	struct holdings before = look();

	for (int i = 1; i <= steps; i++) {
		weft_sched *sched = NULL;

		*countdown = i;
		assert_int_equal(weft_sched_create(&three, &sched), error);
		assert_int_equal(*countdown, 0);
		assert_null(sched);
		assert_the_same(&before);
		*countdown = i;
		assert_int_equal(weft_run(return_seven, NULL, &three), error);
		assert_the_same(&before);
	}
	*countdown = steps + 1; /* there is no further step */
	weft_sched *sched;
	assert_int_equal(weft_sched_create(&three, &sched), 0);
	*countdown = 0;
	assert_int_equal(weft_sched_destroy(sched), 0);
	assert_the_same(&before);
}

static void a_scheduler_that_finds_no_memory_at_any_step_leaves_nothing(void **state)
{
	assert_fails_at_each(&weft__sys_force.fail_reserve, RESERVES, -ENOMEM);
}

static void a_scheduler_that_is_refused_a_kernel_thread_leaves_nothing(void **state)
{
	/* the carriers, the monitor and its maker */
	assert_fails_at_each(&weft__sys_force.fail_thread, PROCESSORS + 2, -EAGAIN);
}

static void a_scheduler_without_a_poller_leaves_nothing(void **state)
{
	assert_fails_at_each(&weft__sys_force.fail_poller, 2, -EMFILE);
}

static void a_scheduler_without_descriptors_leaves_nothing(void **state)
{
	struct holdings before = look();
	struct rlimit limit, few;
	int free_fd = dup(0);

	close(free_fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int spare = 0; spare < 2; spare++) {
		weft_sched *sched = NULL;

		few = (struct rlimit){ (rlim_t)(free_fd + spare), limit.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		assert_int_equal(weft_sched_create(&three, &sched), -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_null(sched);
		assert_the_same(&before);
	}
}

/* The carriers that run already go to sleep, and look at those that are gone. */
static void the_first_carriers_survive_the_last_one_s_failure(void **state)
{
	for (int i = 0; i < 1000; i++) {
		weft_sched *sched = NULL;

		weft__sys_force.fail_thread = PROCESSORS;
		assert_int_equal(weft_sched_create(&three, &sched), -EAGAIN);
	}
	await_alone();
}

/* What was given back with the monitor that could not be made is not given back again. */
static void a_child_begins_anew_after_a_refused_monitor(void **state)
{
	weft_sched *sched = NULL;
	int status = 0;
	pid_t child;

	weft__sys_force.fail_thread = 1;
	assert_int_equal(weft_sched_create(&three, &sched), -EAGAIN);
	child = fork();
	if (child == 0)
		_exit(weft_run(return_seven, NULL, &three));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* ---- spawning */

#define NEIGHBOURS 20

struct neighbours {
	uint32_t stop;  /* atomic */
	uint32_t turns; /* atomic */
};

static int run_on(void *arg)
{
	struct neighbours *neighbours = arg;

	while (!__atomic_load_n(&neighbours->stop, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&neighbours->turns, 1, __ATOMIC_RELAXED);
		weft_yield();
	}
	return 0;
}

static void see_them_run(struct neighbours *neighbours)
{
	uint32_t before = __atomic_load_n(&neighbours->turns, __ATOMIC_RELAXED);

	while (__atomic_load_n(&neighbours->turns, __ATOMIC_RELAXED) < before + NEIGHBOURS)
		weft_yield();
}

static void spawn_fails(const weft_thread_options *options, int error,
			struct neighbours *neighbours)
{
	struct weft_thread *const untouched = (struct weft_thread *)neighbours;
	struct weft__stack_counts before, after;
	weft_thread *thread = untouched;
	int result;

	weft__stack_count(&before);
	check(weft_thread_spawn(return_seven, NULL, options, &thread) == error);
	check(thread == untouched);
	weft__stack_count(&after);
	check(after.in_use == before.in_use);
	see_them_run(neighbours);
	check(weft_thread_spawn(return_seven, NULL, options, &thread) == 0);
	check(weft_thread_join(thread, &result) == 0 && result == 7);
}

static int refuse_spawns(void *arg)
{
	/* Sizes of which there is no stack yet: a slot, an arena must be made. */
	weft_thread_options large = { .stack_bytes = (size_t)1 << 20 };
	weft_thread_options larger = { .stack_bytes = (size_t)2 << 20 };
	weft_thread_options kernel = { .kind = WEFT_KERNEL };
	struct neighbours neighbours = { 0, 0 };
	weft_thread *threads[NEIGHBOURS];

	for (int i = 0; i < NEIGHBOURS; i++)
		check(weft_thread_spawn(run_on, &neighbours, NULL, &threads[i]) == 0);
	see_them_run(&neighbours);
	atomic_store_relaxed(&weft__sys_force.fail_guard, 1);
	spawn_fails(&large, -ENOMEM, &neighbours);
	atomic_store_relaxed(&weft__sys_force.fail_reserve, 1);
	spawn_fails(&larger, -ENOMEM, &neighbours);
	atomic_store_relaxed(&weft__sys_force.fail_thread, 1);
	spawn_fails(&kernel, -EAGAIN, &neighbours);
	__atomic_store_n(&neighbours.stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < NEIGHBOURS; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	check(atomic_load_relaxed(&weft__sys_force.fail_guard) == 0 &&
	      atomic_load_relaxed(&weft__sys_force.fail_reserve) == 0);
	return 0;
}

static void refuse_in_child(void *arg)
{
	/* Without slices no spare carrier is made meanwhile: it would be the one that is
	 * refused. */
	weft_sched_options options = { .processors = *(unsigned *)arg, .slice_ns = WEFT_FOREVER };

	_exit(weft_run(refuse_spawns, NULL, &options) == 0 ? 0 : 1);
}

/* Each in a child: with a fresh store of stacks. */
static void a_refused_spawn_leaves_all_running(void **state)
{
	assert_int_equal(proc_in_child(refuse_in_child, &(unsigned){ 1 }), 0);
	assert_int_equal(proc_in_child(refuse_in_child, &(unsigned){ 3 }), 0);
}

static int count_kernel_kind(void *arg, const weft_thread_info *thread)
{
	*(int *)arg += thread->kind == WEFT_KERNEL;
	return 0;
}

static void a_refused_kernel_thread_leaves_no_record(void **state)
{
	int before = 0, after = 0;

	weft_thread_self();
	weft_inspect_threads(count_kernel_kind, &before);
	for (int i = 0; i < 100; i++) {
		weft_thread *thread = NULL;

		weft__sys_force.fail_thread = 1;
		assert_int_equal(weft_thread_spawn(return_seven, NULL, NULL, &thread), -EAGAIN);
		assert_null(thread);
	}
	weft_inspect_threads(count_kernel_kind, &after);
	assert_int_equal(after, before);
}

/* From outside, and the scheduler must not count what was not started. */
static void a_spawn_refused_from_outside_does_not_keep_the_scheduler(void **state)
{
	weft_thread_options options = { .stack_bytes = (size_t)4 << 20, .kind = WEFT_LIGHT };
	weft_thread *thread = NULL;

	assert_int_equal(weft_sched_create(&three, &options.sched), 0);
	for (int i = 0; i < 10; i++) {
		atomic_store_relaxed(&weft__sys_force.fail_reserve, 1);
		assert_int_equal(weft_thread_spawn(return_seven, NULL, &options, &thread), -ENOMEM);
		atomic_store_relaxed(&weft__sys_force.fail_reserve, 0);
		assert_null(thread);
	}
	assert_int_equal(options.sched->live, 0);
	assert_int_equal(weft_sched_destroy(options.sched), 0);
}

/* ---- a hand-off that finds no kernel thread */

struct refusal {
	int *countdown; /* which of the next calls that make something fails */
	bool was_met;
};

/* A page fault may have had the monitor make a spare before. */
static int bracket_without_carrier(void *arg)
{
	struct refusal *refusal = arg;
	int *countdown = refusal->countdown;
	struct weft_thread *self = weft__self(), *thread;
	struct weft__processor *processor = self->carrier->processor;
	int result = 0;

	__atomic_store_n(countdown, 1, __ATOMIC_RELEASE);
	weft_blocking_begin();
	check(self->carrier->processor == NULL);
	while (__atomic_load_n(countdown, __ATOMIC_ACQUIRE) != 0 &&
	       atomic_load_relaxed(&self->sched->carrier_count) == 1)
		weft__sys_thread_yield(); /* until a carrier was asked for, and refused */
	refusal->was_met = __atomic_exchange_n(countdown, 0, __ATOMIC_ACQ_REL) == 0;
	weft_blocking_end();
	check(self->carrier->processor == processor);
	check(weft_thread_spawn(return_seven, NULL, NULL, &thread) == 0);
	check(weft_thread_join(thread, &result) == 0 && result == 7);
	return 0;
}

static void a_hand_off_that_finds_no_carrier_leaves_the_processor_to_who_returns(void **state)
{
	int *const countdowns[] = { &weft__sys_force.fail_thread, &weft__sys_force.fail_reserve };
	int met[2] = { 0, 0 };

	for (int round = 0; round < 1000 && (met[0] < 10 || met[1] < 10); round++) {
		struct refusal refusal = { .countdown = countdowns[round % 2] };

		assert_int_equal(weft_run(bracket_without_carrier, &refusal,
					  &(weft_sched_options){ .processors = 1 }),
				 0);
		met[round % 2] += refusal.was_met;
	}
	assert_true(met[0] >= 10 && met[1] >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scheduler_that_finds_no_memory_at_any_step_leaves_nothing),
		cmocka_unit_test(a_scheduler_that_is_refused_a_kernel_thread_leaves_nothing),
		cmocka_unit_test(a_scheduler_without_a_poller_leaves_nothing),
		cmocka_unit_test(a_scheduler_without_descriptors_leaves_nothing),
		cmocka_unit_test(the_first_carriers_survive_the_last_one_s_failure),
		cmocka_unit_test(a_child_begins_anew_after_a_refused_monitor),
		cmocka_unit_test(a_refused_spawn_leaves_all_running),
		cmocka_unit_test(a_refused_kernel_thread_leaves_no_record),
		cmocka_unit_test(a_spawn_refused_from_outside_does_not_keep_the_scheduler),
		cmocka_unit_test(
			a_hand_off_that_finds_no_carrier_leaves_the_processor_to_who_returns),
	};

	return cmocka_run_group_tests(tests, warm_up, NULL);
}
