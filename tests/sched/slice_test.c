/* SPDX-License-Identifier: MIT */
/* Slices: who may run for how long, and who may not be switched away. Ticks are waited for, not
 * time. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "child.h"
#include "in_sched.h"
#include "sched/engine.h"

#define SLICE_NS (200 * WEFT_US)

static weft_kind kind;
static uint32_t stop;

static struct weft__carrier *carrier_now(void)
{
	return weft_thread_self()->carrier;
}

/* Of one processor. One that waits for the kernel, for a page say, may lose it: others run then,
 * and nobody was switched away. */
static bool has_processor(void)
{
	struct weft__carrier *carrier = carrier_now();

	return atomic_load_acquire(&carrier->sched->processors[0]->owner) == (uintptr_t)carrier;
}

/* Since it had so many turns, and not because the processor was lost. */
static bool has_run(const uint64_t *rival, uint64_t turns)
{
	return atomic_load_acquire(rival) != turns && has_processor();
}

static weft_sched_stats stats_now(void)
{
	weft_sched_stats stats;

	weft_sched_stats_get(weft_sched_self(), &stats);
	return stats;
}

static weft_thread *start_with(weft_function *function, void *arg, int64_t slice_ns)
{
	weft_thread_options options = { .kind = kind, .slice_ns = slice_ns };
	weft_thread *thread;

	check(weft_thread_spawn(function, arg, &options, &thread) == 0);
	return thread;
}

static weft_thread *start(weft_function *function, void *arg)
{
	return start_with(function, arg, 0);
}

static int result_of(weft_thread *thread)
{
	int result;

	check(weft_thread_join(thread, &result) == 0);
	return result;
}

/* As user threads, then as light ones, on one processor. */
static void run_both_kinds(weft_function *body, int64_t slice_ns)
{
	weft_sched_options options = { .processors = 1, .slice_ns = slice_ns };

	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++) {
		atomic_store_relaxed(&stop, 0u);
		assert_int_equal(weft_run(body, NULL, &options), 0);
	}
}

static int spin(void *arg)
{
	while (!atomic_load_acquire(&stop))
		if (arg != NULL)
			atomic_bump((uint64_t *)arg, 1);
	return 0;
}

/* Until each has gone on 20 times after another had. */
static void take_turns(weft_function *function, int64_t slice_ns)
{
	uint64_t turns[3] = { 0 }, seen;
	weft_thread *threads[3];

	for (int i = 0; i < 3; i++)
		threads[i] = start_with(function, &turns[i], slice_ns);
	for (int i = 0; i < 60; i++) {
		seen = atomic_load_relaxed(&turns[i % 3]);
		while (atomic_load_relaxed(&turns[i % 3]) == seen)
			weft_sleep(WEFT_MS);
	}
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 3; i++)
		check(result_of(threads[i]) == 0);
}

/* ---- how long a slice is */

static int64_t slice_of_sched(const weft_sched_options *options)
{
	weft_sched *sched = NULL;
	int64_t slice_ns;
	int error = weft_sched_create(options, &sched);

	if (error < 0) {
		assert_null(sched);
		return error;
	}
	slice_ns = sched->slice_ns;
	assert_int_equal(weft_sched_destroy(sched), 0);
	return slice_ns;
}

static void a_scheduler_s_slice_is_ten_milliseconds_and_no_less_than_100_us(void **state)
{
	assert_int_equal(slice_of_sched(NULL), 10 * WEFT_MS);
	assert_int_equal(slice_of_sched(&(weft_sched_options){ .processors = 2 }), 10 * WEFT_MS);
	assert_int_equal(slice_of_sched(&(weft_sched_options){ .slice_ns = 100 * WEFT_US }),
			 100 * WEFT_US);
	assert_int_equal(slice_of_sched(&(weft_sched_options){ .slice_ns = 100 * WEFT_US - 1 }),
			 -EINVAL);
	assert_int_equal(slice_of_sched(&(weft_sched_options){ .slice_ns = -1 }), -EINVAL);
	assert_int_equal(slice_of_sched(&(weft_sched_options){ .slice_ns = WEFT_FOREVER }),
			 WEFT_FOREVER);
	assert_int_equal(slice_of_sched(&(weft_sched_options){ .strict = true }), WEFT_FOREVER);
	assert_int_equal(
		slice_of_sched(&(weft_sched_options){ .strict = true, .slice_ns = WEFT_MS }),
		WEFT_MS);
}

static int slice_of_self(void *arg)
{
	*(int64_t *)arg = weft_thread_self()->slice_ns;
	return 0;
}

static int64_t slice_of_thread(int64_t slice_ns)
{
	int64_t seen_ns = 0;

	check(result_of(start_with(slice_of_self, &seen_ns, slice_ns)) == 0);
	return seen_ns;
}

static int ask_for_slices(void *arg)
{
	check(slice_of_thread(0) == SLICE_NS);
	check(slice_of_thread(3 * WEFT_MS) == 3 * WEFT_MS);
	check(slice_of_thread(100 * WEFT_US) == 100 * WEFT_US);
	check(slice_of_thread(1) == 100 * WEFT_US);
	check(slice_of_thread(WEFT_FOREVER) == WEFT_FOREVER);
	return 0;
}

static void a_thread_s_slice_is_its_scheduler_s_or_its_own(void **state)
{
	run_both_kinds(ask_for_slices, SLICE_NS);
}

static int take_short_turns(void *arg)
{
	take_turns(spin, SLICE_NS);
	return 0;
}

static void who_has_a_short_slice_gives_way_where_others_need_not(void **state)
{
	run_both_kinds(take_short_turns, 1000 * WEFT_SECOND);
}

static void the_shortest_slice_is_kept(void **state)
{
	run_both_kinds(take_short_turns, 100 * WEFT_US);
}

/* Ticks come, for there is a rival; none of them switches away. */
static int keep_processor(void *arg)
{
	uint64_t *rival = arg, turns = atomic_load_relaxed(rival);
	struct weft__carrier *carrier = carrier_now();
	uint64_t ticks = atomic_load_relaxed(&carrier->ticks);

	while (atomic_load_relaxed(&carrier->ticks) < ticks + 20)
		;
	return carrier_now() == carrier && !has_run(rival, turns) ? 0 : -1;
}

static int run_endless_slice(void *arg)
{
	uint64_t turns = 0;
	weft_thread *rival = start(spin, &turns);

	for (int i = 0; i < 3; i++)
		check(result_of(start_with(keep_processor, &turns, WEFT_FOREVER)) == 0);
	atomic_store_release(&stop, 1u);
	return result_of(rival);
}

static void who_has_an_endless_slice_is_not_switched_away(void **state)
{
	run_both_kinds(run_endless_slice, SLICE_NS);
}

/* ---- where nobody waits */

/* User mode mostly. */
static void compute_for(int64_t cpu_ns)
{
	struct timespec used;
	int64_t now_ns, end_ns = 0;

	do {
		for (volatile int i = 0; i < 10000; i++)
			;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
		now_ns = used.tv_sec * WEFT_SECOND + used.tv_nsec;
		if (end_ns == 0)
			end_ns = now_ns + cpu_ns;
	} while (now_ns < end_ns);
}

static int compute_alone(void *arg)
{
	compute_for(20 * WEFT_MS); /* whatever its start has left behind */
	*(uint64_t *)arg = stats_now().ticks;
	compute_for(100 * SLICE_NS);
	*(uint64_t *)arg = stats_now().ticks - *(uint64_t *)arg;
	return 0;
}

static int count_ticks_alone(void *arg)
{
	uint64_t ticks = 1;

	/* On a busy machine the monitor may be late with what it saw at the start, once. */
	for (int i = 0; i < 20 && ticks != 0; i++)
		check(result_of(start(compute_alone, &ticks)) == 0);
	check(ticks == 0);
	return 0;
}

static void who_is_alone_on_its_carrier_gets_no_ticks(void **state)
{
	run_both_kinds(count_ticks_alone, SLICE_NS);
}

/* ---- a light thread is stopped where it is */

static int stay_at_home(void *arg)
{
	int me = (int)(intptr_t)arg, tid = gettid();

	errno = me;
	spin(NULL);
	if (kind == WEFT_LIGHT && gettid() != tid)
		return -1;
	return errno == me ? 0 : -2;
}

static int stop_with_carrier(void *arg)
{
	weft_thread *threads[4];

	for (intptr_t i = 0; i < 4; i++)
		threads[i] = start(stay_at_home, (void *)(i + 1));
	while (stats_now().preemptions < 40)
		weft_sleep(WEFT_MS);
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 4; i++)
		check(result_of(threads[i]) == 0);
	return 0;
}

static void a_light_thread_goes_on_where_it_was_stopped_and_finds_its_errno(void **state)
{
	run_both_kinds(stop_with_carrier, SLICE_NS);
}

/* ---- in the C library */

#define SEARCHED ((size_t)256 << 20)

static char *zeroes;

/* Each search is one call of a hundred slices. */
static int search(void *arg)
{
	void *(*volatile find)(const void *, int, size_t) = memchr;
	uint64_t *rival = arg;

	/* On a busy machine the monitor may be late. */
	for (int64_t end_ns = weft_now() + 10 * WEFT_SECOND; weft_now() < end_ns;) {
		uint64_t turns = atomic_load_relaxed(rival);

		if (find(zeroes, 1, SEARCHED) != NULL)
			return -1;
		if (atomic_load_relaxed(rival) != turns)
			return 0;
	}
	return -2;
}

static int search_beside_a_rival(void *arg)
{
	uint64_t turns = 0;
	weft_thread *rival = start(spin, &turns);

	for (int i = 0; i < 3; i++)
		check(result_of(start(search, &turns)) == 0);
	check(stats_now().deferrals > 0);
	atomic_store_release(&stop, 1u);
	return result_of(rival);
}

static void who_is_in_the_library_is_put_off_and_switched_away_all_the_same(void **state)
{
	zeroes =
		mmap(NULL, SEARCHED, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(zeroes, MAP_FAILED);
	run_both_kinds(search_beside_a_rival, SLICE_NS);
	munmap(zeroes, SEARCHED);
}

/* ---- forbidden */

/* Until ticks were put off that often more; the carrier stays the same meanwhile. */
static void await_deferrals(uint64_t count)
{
	struct weft__carrier *carrier = carrier_now();
	uint64_t before = atomic_load_relaxed(&carrier->deferrals);

	while (atomic_load_relaxed(&carrier->deferrals) < before + count)
		;
}

static int forbid(void *arg)
{
	struct weft_thread *self = weft_thread_self();
	uint64_t *rival = arg, turns, switches;
	bool keeps;

	weft_preempt_disable();
	turns = atomic_load_relaxed(rival);
	switches = atomic_load_relaxed(&self->switches);
	weft_preempt_disable();
	await_deferrals(5);
	weft_preempt_enable();
	await_deferrals(2); /* the outermost pair counts */
	if (has_run(rival, turns) || atomic_load_relaxed(&self->switches) != switches)
		return -1;
	keeps = has_processor();
	weft_preempt_enable();
	if (kind == WEFT_USER && keeps && atomic_load_relaxed(&self->switches) == switches)
		return -2;
	/* A light thread needs a carrier that goes on in its place; the next tick finds one. */
	while (atomic_load_relaxed(rival) == turns)
		;
	return 0;
}

static int check_all_the_same(void *arg)
{
	uint64_t *rival = arg, turns;

	weft_preempt_disable();
	for (int i = 0; i < 5; i++) {
		bool keeps;

		turns = atomic_load_relaxed(rival);
		await_deferrals(1);
		if (has_run(rival, turns))
			return -1;
		keeps = has_processor();
		if (weft_preempt_check() != 1 && keeps)
			return -2;
	}
	weft_preempt_enable();
	return 0;
}

static int beside_a_rival(weft_function *function)
{
	uint64_t turns = 0;
	weft_thread *rival = start(spin, &turns);

	for (int i = 0; i < 5; i++)
		check(result_of(start(function, &turns)) == 0);
	atomic_store_release(&stop, 1u);
	return result_of(rival);
}

static int forbid_beside_a_rival(void *arg)
{
	return beside_a_rival(forbid);
}

static int check_beside_a_rival(void *arg)
{
	return beside_a_rival(check_all_the_same);
}

static void between_disable_and_enable_nobody_else_runs_and_then_at_once(void **state)
{
	run_both_kinds(forbid_beside_a_rival, SLICE_NS);
}

static void a_check_gives_way_even_where_it_is_forbidden(void **state)
{
	run_both_kinds(check_beside_a_rival, SLICE_NS);
}

static int check_in_vain(void *arg)
{
	uint64_t turns = 0;
	weft_thread *rival = start(spin, &turns);

	for (int i = 0; i < 1000; i++)
		check(weft_preempt_check() == 0);
	check(turns == 0);
	atomic_store_release(&stop, 1u);
	return result_of(rival);
}

static void a_check_before_the_slice_is_over_does_nothing(void **state)
{
	run_both_kinds(check_in_vain, WEFT_FOREVER);
	assert_int_equal(weft_preempt_check(), 0);
	weft_preempt_disable(); /* nothing on a kernel thread */
	weft_preempt_enable();
	weft_preempt_enable();
}

static int enable_alone(void *arg)
{
	weft_preempt_disable();
	weft_preempt_enable();
	weft_preempt_enable();
	return 0;
}

static void enable_in_child(void *arg)
{
	child_forget_handlers();
	weft_run(enable_alone, NULL, NULL);
}

static void an_enable_without_a_disable_stops_the_program(void **state)
{
	struct child_said said;

	child_listen(enable_in_child, NULL, &said);
	assert_int_equal(said.status, -SIGABRT);
	assert_string_equal(said.text, "weft: weft_preempt_enable: without weft_preempt_disable\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scheduler_s_slice_is_ten_milliseconds_and_no_less_than_100_us),
		cmocka_unit_test(a_thread_s_slice_is_its_scheduler_s_or_its_own),
		cmocka_unit_test(who_has_a_short_slice_gives_way_where_others_need_not),
		cmocka_unit_test(the_shortest_slice_is_kept),
		cmocka_unit_test(who_has_an_endless_slice_is_not_switched_away),
		cmocka_unit_test(who_is_alone_on_its_carrier_gets_no_ticks),
		cmocka_unit_test(a_light_thread_goes_on_where_it_was_stopped_and_finds_its_errno),
		cmocka_unit_test(who_is_in_the_library_is_put_off_and_switched_away_all_the_same),
		cmocka_unit_test(between_disable_and_enable_nobody_else_runs_and_then_at_once),
		cmocka_unit_test(a_check_gives_way_even_where_it_is_forbidden),
		cmocka_unit_test(a_check_before_the_slice_is_over_does_nothing),
		cmocka_unit_test(an_enable_without_a_disable_stops_the_program),
	};

	alarm(100); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
