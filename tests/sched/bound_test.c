/* SPDX-License-Identifier: MIT */
/*
 * The bound on carriers. Ten thousand threads, each in a raw read of a pipe that holds nothing,
 * with no more than 64 carriers: it is said so, and when a kernel thread writes to the pipe all of
 * them get what is theirs.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "in_sched.h"
#include "proc.h"
#include "sched/engine.h"

#define THREADS 10000
#define CARRIERS 64
#define LINES 11 /* of a report: what is the matter, and ten threads */

static weft_kind kind;

/* ---- how many there may be */

static unsigned bound_of(unsigned processors, unsigned carriers)
{
	weft_sched_options options = { .processors = processors, .carriers = carriers };
	weft_sched *sched = NULL;
	unsigned bound;

	if (weft_sched_create(&options, &sched) != 0)
		return 0;
	bound = sched->carriers_max;
	check(weft_sched_destroy(sched) == 0);
	return bound;
}

/* Root is not held to the limit, but is told of it. */
static void ask_for_bounds(void *arg)
{
	struct rlimit limit;

	check(getrlimit(RLIMIT_NPROC, &limit) == 0);
	check(bound_of(1, 0) >= 2 && bound_of(1, 0) <= 10000);
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 4000) {
		limit.rlim_cur = 4000;
		check(setrlimit(RLIMIT_NPROC, &limit) == 0);
	}
	check(bound_of(1, 0) <= 1000);
	check(bound_of(3, 7) == 7);
	check(bound_of(3, 3) == 3);
	check(bound_of(3, 2) == 0); /* refused */
}

static void the_bound_is_what_was_asked_for_or_a_quarter_of_what_the_system_allows(void **state)
{
	assert_int_equal(proc_in_child(ask_for_bounds, NULL), 0);
}

/* ---- threads that read */

static struct {
	int pipe[2];
	weft_thread *threads[THREADS];
	char text[16384]; /* of the report */
} storm;

static int read_one(void *arg)
{
	char byte;

	return (int)read(storm.pipe[0], &byte, 1);
}

static void start_readers(weft_sched *sched, int count)
{
	weft_thread_options options = { .kind = kind, .sched = sched, .name = "reader" };

	for (int i = 0; i < count; i++)
		check(weft_thread_spawn(read_one, NULL, &options, &storm.threads[i]) == 0);
}

static int count_lines(const char *text)
{
	int count = 0;

	while ((text = strchr(text, '\n')) != NULL) {
		text++;
		count++;
	}
	return count;
}

/* What comes on standard error. */
static void listen_to_report(int from)
{
	size_t used = 0;
	ssize_t count;

	while (count_lines(storm.text) < LINES) {
		count = read(from, storm.text + used, sizeof storm.text - 1 - used);
		check(count > 0);
		used += (size_t)count;
		storm.text[used] = '\0';
	}
}

static void check_report(void)
{
	static const char head[] =
		"weft: scheduler 'crowd': all 64 carriers are blocked in the kernel "
		"while threads wait; ";
	const char *line = storm.text;

	check(strncmp(line, head, strlen(head)) == 0);
	for (int i = 1; i < LINES; i++) {
		unsigned long long id = 0;
		char call[16] = "";

		line = strchr(line, '\n') + 1;
		check(sscanf(line, "weft:   thread %llu 'reader' in %15[^\n]", &id, call) == 2);
		check(id != 0 && strcmp(call, "read") == 0);
	}
}

/* Each has something to read. */
static void feed_readers(int count)
{
	static char bytes[THREADS];

	while (count > 0) {
		ssize_t fed = write(storm.pipe[1], bytes, (size_t)count);

		check(fed > 0);
		count -= (int)fed;
	}
}

static void finish_readers(int count)
{
	int result;

	for (int i = 0; i < count; i++) {
		check(weft_thread_join(storm.threads[i], &result) == 0);
		check(result == 1);
	}
}

static void raise_storm(void *arg)
{
	weft_sched_options options = { .name = "crowd", .processors = 2, .carriers = CARRIERS };
	int said[2], saved = dup(STDERR_FILENO);
	weft_sched_stats stats;
	weft_sched *sched;

	alarm(60); /* a hang is a failure */
	check(saved >= 0 && pipe(said) == 0 && pipe(storm.pipe) == 0);
	check(weft_sched_create(&options, &sched) == 0);
	check(dup2(said[1], STDERR_FILENO) == STDERR_FILENO);
	start_readers(sched, THREADS);
	listen_to_report(said[0]);
	check(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
	check_report();
	feed_readers(THREADS);
	finish_readers(THREADS);
	weft_sched_stats_get(sched, &stats);
	check(stats.carriers_max == CARRIERS && stats.hand_offs >= CARRIERS - 2);
	check(weft_sched_destroy(sched) == 0);
}

/* In a child: what it says is read, and it may leave ten thousand stacks behind. */
static void a_storm_of_blocked_threads_is_reported_and_passes(void **state)
{
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++)
		assert_int_equal(proc_in_child(raise_storm, NULL), 0);
}

/* ---- afterwards */

#define FEW 20

static weft_sched_stats stats_of(weft_sched *sched)
{
	weft_sched_stats stats;

	weft_sched_stats_get(sched, &stats);
	return stats;
}

/* Carriers that were needed once. Nothing runs while we wait for their end, which takes seconds. */
static void spares_end_though_nothing_runs(void **state)
{
	weft_sched *sched;

	kind = WEFT_USER;
	assert_int_equal(pipe(storm.pipe), 0);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &sched), 0);
	start_readers(sched, FEW);
	while (stats_of(sched).hand_offs < FEW)
		weft_sleep(WEFT_MS); /* all are blocked: the last is wanted for whoever comes */
	feed_readers(FEW);
	finish_readers(FEW);
	assert_true(stats_of(sched).carriers_max > FEW);
	while (stats_of(sched).carriers > 3)
		weft_sleep(50 * WEFT_MS);
	assert_int_equal(weft_sched_destroy(sched), 0);
	close(storm.pipe[0]);
	close(storm.pipe[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_bound_is_what_was_asked_for_or_a_quarter_of_what_the_system_allows),
		cmocka_unit_test(a_storm_of_blocked_threads_is_reported_and_passes),
		cmocka_unit_test(spares_end_though_nothing_runs),
	};

	alarm(100); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
