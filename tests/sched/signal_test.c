/* SPDX-License-Identifier: MIT */
/* Ticks among the other signals of a program: whose mask and alternate stack are in force, who is
 * switched away and who is not, what the signal's frame needs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "in_sched.h"
#include "mem/stack.h"
#include "sched/engine.h"
#include "sys/linux/force.h"
#include "sys/spin.h"

#define SLICE_NS (200 * WEFT_US)

static weft_kind kind;
static uint32_t stop;

static weft_sched_stats stats_now(void)
{
	weft_sched_stats stats;

	weft_sched_stats_get(weft_sched_self(), &stats);
	return stats;
}

static uint64_t preemptions(void)
{
	return stats_now().preemptions;
}

static weft_thread *start(weft_function *function, void *arg)
{
	weft_thread *thread;

	check(weft_thread_spawn(function, arg, &(weft_thread_options){ .kind = kind }, &thread) ==
	      0);
	return thread;
}

static int result_of(weft_thread *thread)
{
	int result;

	check(weft_thread_join(thread, &result) == 0);
	return result;
}

static void run(weft_function *body, unsigned processors)
{
	atomic_store_relaxed(&stop, 0u);
	assert_int_equal(
		weft_run(body, NULL,
			 &(weft_sched_options){ .processors = processors, .slice_ns = SLICE_NS }),
		0);
}

static void run_both_kinds(weft_function *body)
{
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++)
		run(body, 1);
}

static int spin(void *arg)
{
	while (!atomic_load_acquire(&stop))
		if (arg != NULL)
			atomic_bump((uint64_t *)arg, 1);
	return 0;
}

/* ---- masks */

/* Its first steps are those of a thread that was switched to from within a handler. */
static int look_at_mask(void *arg)
{
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	atomic_add_acq_rel((uint32_t *)arg, 1u);
	while (!atomic_load_acquire(&stop))
		;
	return sigismember(&mask, SIGURG) || sigismember(&mask, SIGUSR1) ? -1 : 0;
}

static int start_within_ticks(void *arg)
{
	weft_thread *threads[4];
	uint32_t begun = 0;

	for (int i = 0; i < 4; i++)
		threads[i] = start(look_at_mask, &begun);
	while (atomic_load_acquire(&begun) < 4)
		weft_sleep(WEFT_MS);
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 4; i++)
		check(result_of(threads[i]) == 0);
	return 0;
}

static void a_thread_that_begins_within_a_tick_gets_every_signal(void **state)
{
	(void)state;
	run_both_kinds(start_within_ticks);
}

static uint64_t blocked_by(int tid)
{
	char path[64], line[256];
	uint64_t mask = UINT64_MAX;
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
	file = fopen(path, "r");
	check(file != NULL);
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "SigBlk:", 7) == 0)
			mask = strtoull(line + 7, NULL, 16);
	fclose(file);
	return mask;
}

struct stopping {
	uint32_t tid; /* atomic */
};

static int spin_somewhere(void *arg)
{
	struct stopping *stopping = arg;

	atomic_store_release(&stopping->tid, (uint32_t)gettid());
	return spin(NULL);
}

/* Who runs has the only processor: so they are stopped. */
static int look_at_the_stopped(void *arg)
{
	struct stopping stopping[3] = { { 0 } };
	weft_thread *threads[3];
	uint64_t before = preemptions();

	for (int i = 0; i < 3; i++)
		threads[i] = start(spin_somewhere, &stopping[i]);
	while (preemptions() < before + 20)
		weft_sleep(WEFT_MS);
	weft_preempt_disable();
	for (int i = 0; i < 3; i++)
		check(atomic_load_acquire(&stopping[i].tid) == 0 ||
		      blocked_by((int)stopping[i].tid) == 0);
	weft_preempt_enable();
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 3; i++)
		check(result_of(threads[i]) == 0);
	return 0;
}

static void a_carrier_that_is_stopped_blocks_no_signal(void **state)
{
	(void)state;
	kind = WEFT_LIGHT;
	run(look_at_the_stopped, 1);
}

/* ---- alternate stacks */

#define HOMES 64

/* Which alternate stack each carrier has. */
static struct {
	uint32_t count;
	struct {
		int tid;
		void *at;
	} home[HOMES];
	uint32_t lock;
	uint32_t turns, moves, strays; /* atomic */
} homes;

/* Of a thread that is not switched away: a carrier, and the stack that it has. */
static void look_at_home(int tid, void *at)
{
	weft__spin_lock(&homes.lock);
	for (uint32_t i = 0; i < homes.count; i++) {
		bool is_its = homes.home[i].tid == tid;

		if (is_its != (homes.home[i].at == at))
			atomic_add_relaxed(&homes.strays, 1u);
		if (is_its) {
			weft__spin_unlock(&homes.lock);
			return;
		}
	}
	check(homes.count < HOMES);
	homes.home[homes.count].tid = tid;
	homes.home[homes.count++].at = at;
	weft__spin_unlock(&homes.lock);
}

static int spin_and_look_at_home(void *arg)
{
	stack_t alternate;
	int tid;

	while (!atomic_load_acquire(&stop)) {
		tid = gettid();
		for (volatile int i = 0; i < 20000; i++)
			;
		weft_preempt_disable();
		sigaltstack(NULL, &alternate);
		look_at_home(gettid(), alternate.ss_sp);
		if (gettid() != tid) /* switched away there, and back here */
			atomic_add_relaxed(&homes.moves, 1u);
		atomic_add_relaxed(&homes.turns, 1u);
		weft_preempt_enable();
	}
	return 0;
}

/* Those that were switched away go on on another carrier. */
static int give_processor_away(void *arg)
{
	while (!atomic_load_acquire(&stop)) {
		uint32_t turns = atomic_load_relaxed(&homes.turns);

		weft_blocking_begin();
		while (atomic_load_relaxed(&homes.turns) == turns && !atomic_load_acquire(&stop))
			weft__sys_thread_yield();
		weft_blocking_end();
	}
	return 0;
}

static int move_often(void *arg)
{
	weft_thread *threads[4];

	memset(&homes, 0, sizeof homes);
	for (int i = 0; i < 4; i++)
		threads[i] = start(i < 3 ? spin_and_look_at_home : give_processor_away, NULL);
	while (atomic_load_relaxed(&homes.moves) < 20)
		weft_sleep(WEFT_MS);
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 4; i++)
		check(result_of(threads[i]) == 0);
	check(homes.count >= 2 && homes.strays == 0);
	return 0;
}

static void who_moved_has_the_alternate_stack_of_its_carrier(void **state)
{
	(void)state;
	kind = WEFT_USER;
	run(move_often, 1);
}

/* ---- handlers of the program's */

static struct {
	uint64_t rival;   /* atomic: turns of another thread */
	uint32_t is_over; /* atomic */
	bool is_first, moved;
	void *at;
} handling;

/* Until ticks were put off here; the rival must not run meanwhile. */
static void compute_in_handler(int number)
{
	weft_thread *self = weft_thread_self();
	uint64_t deferrals = atomic_load_relaxed(&self->carrier->deferrals);
	uint64_t turns = atomic_load_relaxed(&handling.rival);
	int tid = gettid();

	(void)number;
	handling.at = __builtin_frame_address(0);
	while (atomic_load_relaxed(&self->carrier->deferrals) < deferrals + 5)
		;
	handling.moved = gettid() != tid || atomic_load_relaxed(&handling.rival) != turns;
}

static int raise_and_compute(void *arg)
{
	raise(SIGUSR1);
	atomic_store_release(&handling.is_over, 1u);
	return handling.moved ? -1 : 0;
}

static int handle_beside_a_rival(void *arg)
{
	weft_thread *thread, *rival = start(spin, &handling.rival);

	thread = start(raise_and_compute, NULL);
	while (atomic_load_acquire(&handling.is_over) == 0)
		weft_sleep(WEFT_MS);
	atomic_store_release(&stop, 1u);
	check(result_of(thread) == 0);
	check(result_of(rival) == 0);
	return 0;
}

static void handle_with(int flags)
{
	struct sigaction action = { .sa_handler = compute_in_handler, .sa_flags = flags }, before;

	sigaction(SIGUSR1, &action, &before);
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++) {
		memset(&handling, 0, sizeof handling);
		run(handle_beside_a_rival, 1);
	}
	sigaction(SIGUSR1, &before, NULL);
}

static void nobody_is_switched_away_within_a_handler(void **state)
{
	(void)state;
	handle_with(0);
}

/* Nothing is masked there: its stack tells. */
static void nobody_is_switched_away_on_the_alternate_stack(void **state)
{
	struct weft__stack_place place;

	(void)state;
	handle_with(SA_ONSTACK | SA_NODEFER);
	assert_false(weft__stack_find(handling.at, &place));
}

/* ---- the program takes the signal */

static struct sigaction ours;
static uint32_t taken; /* atomic */

static void call_ours(int number, siginfo_t *info, void *context)
{
	atomic_add_relaxed(&taken, 1u);
	ours.sa_sigaction(number, info, context);
}

static void count(int number)
{
	(void)number;
	atomic_add_relaxed(&taken, 1u);
}

/* Two that spin and, now and then, look at what was wished. */
static int spin_and_look(void *arg)
{
	sigset_t mask;

	while (!atomic_load_acquire(&stop)) {
		atomic_bump((uint64_t *)arg, 1);
		weft_preempt_disable();
		weft_preempt_enable();
		sigprocmask(SIG_SETMASK, NULL, &mask);
		if (sigismember(&mask, SIGUSR1) || sigismember(&mask, SIGURG))
			return -1;
	}
	return 0;
}

static int spin_masked(void *arg)
{
	sigset_t mask;

	while (!atomic_load_acquire(&stop)) {
		atomic_bump((uint64_t *)arg, 1);
		sigprocmask(SIG_SETMASK, NULL, &mask);
		if (sigismember(&mask, SIGUSR1) || sigismember(&mask, SIGURG))
			return -1;
	}
	return 0;
}

/* Until each has gone on 30 times after another had. */
static int take_turns(weft_function *function)
{
	uint64_t turns[3] = { 0 }, seen;
	weft_thread *threads[3];

	for (int i = 0; i < 3; i++)
		threads[i] = start(function, &turns[i]);
	for (int i = 0; i < 90; i++) {
		seen = atomic_load_relaxed(&turns[i % 3]);
		while (atomic_load_relaxed(&turns[i % 3]) == seen)
			weft_sleep(WEFT_MS);
	}
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 3; i++)
		check(result_of(threads[i]) == 0);
	return 0;
}

static void install(struct sigaction *action)
{
	atomic_store_relaxed(&taken, 0u);
	check(sigaction(SIGURG, action, &ours) == 0 && (ours.sa_flags & SA_SIGINFO));
}

static int with_more_masked(void *arg)
{
	struct sigaction action = { .sa_sigaction = call_ours, .sa_flags = SA_SIGINFO };

	sigfillset(&action.sa_mask);
	install(&action);
	return take_turns(spin_masked);
}

static void a_handler_that_masks_all_and_calls_ours_leaves_no_mask(void **state)
{
	(void)state;
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++) {
		run(with_more_masked, 1);
		assert_true(taken != 0);
		sigaction(SIGURG, &ours, NULL);
	}
}

/* As programs do that give every handler a stack of its own. */
static int on_the_alternate_stack(void *arg)
{
	struct sigaction action;

	sigaction(SIGURG, NULL, &action);
	action.sa_flags |= SA_ONSTACK;
	install(&action);
	return take_turns(spin_and_look);
}

static void on_the_alternate_stack_a_tick_only_wishes(void **state)
{
	(void)state;
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++) {
		run(on_the_alternate_stack, 2);
		sigaction(SIGURG, &ours, NULL);
	}
}

static int spin_and_yield(void *arg)
{
	while (!atomic_load_acquire(&stop)) {
		atomic_bump((uint64_t *)arg, 1);
		for (volatile int i = 0; i < 200000; i++)
			;
		weft_yield();
	}
	return 0;
}

static int taken_away(void *arg)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESTART };
	uint64_t before;

	install(&action);
	before = stats_now().ticks;
	check(take_turns(spin_and_yield) == 0);
	check(stats_now().ticks == before);
	return 0;
}

static void a_program_that_takes_the_signal_has_no_preemption_and_goes_on(void **state)
{
	(void)state;
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++) {
		run(taken_away, 1);
		sigaction(SIGURG, &ours, NULL);
	}
}

/* ---- many ticks */

#define PAINT 0x5a

static struct {
	weft_thread *threads[2];
	struct weft__watch *watch; /* atomic */
	uint32_t is_over;          /* atomic */
} flood;

static int pour(void *arg)
{
	while (!atomic_load_acquire(&flood.is_over)) {
		struct weft__watch *watch = atomic_load_acquire(&flood.watch);

		if (watch != NULL)
			weft__sys_watch_tick(watch);
	}
	return 0;
}

/* How much of the stack below its frame was ever written to. */
static int spin_and_measure(void *arg)
{
	char *low = weft_thread_self()->stack_low, *sp = __builtin_frame_address(0), *at;

	memset(low, PAINT, (size_t)(sp - 4096 - low));
	atomic_store_release(&flood.watch, weft_thread_self()->carrier->watch);
	while (!atomic_load_acquire(&stop))
		;
	for (at = low; *at == PAINT; at++)
		;
	return (int)(sp - at);
}

static int under_a_flood(void *arg)
{
	int limit = (int)weft__sys_tick_stack_bytes() + 256, used;
	weft_thread *pourer;

	memset(&flood, 0, sizeof flood);
	check(weft_thread_spawn(pour, NULL, &(weft_thread_options){ .kind = WEFT_KERNEL },
				&pourer) == 0);
	for (int i = 0; i < 2; i++)
		flood.threads[i] = start(spin_and_measure, NULL);
	while (preemptions() < 300)
		weft_sleep(WEFT_MS);
	atomic_store_release(&flood.is_over, 1u);
	check(result_of(pourer) == 0);
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 2; i++) {
		used = result_of(flood.threads[i]);
		if (used > limit)
			print_error("%d bytes used, %d are reckoned with\n", used, limit);
		check(used <= limit);
	}
	return 0;
}

static void ticks_that_pour_in_do_not_pile_up(void **state)
{
	(void)state;
	run_both_kinds(under_a_flood);
}

static int sleep_after_work(void *arg)
{
	weft_thread *threads[3];
	uint64_t before;

	for (int i = 0; i < 3; i++)
		threads[i] = start(spin, NULL);
	while (preemptions() < 20)
		weft_sleep(WEFT_MS);
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 3; i++)
		check(result_of(threads[i]) == 0);
	before = stats_now().ticks;
	for (int i = 0; i < 50; i++)
		weft_sleep(2 * WEFT_MS);
	/* each carrier's last one, and no 500 */
	check(stats_now().ticks <= before + 10);
	return 0;
}

static void who_is_idle_gets_no_ticks(void **state)
{
	(void)state;
	run_both_kinds(sleep_after_work);
	weft__sys_force.no_perf_tick = true;
	run_both_kinds(sleep_after_work);
	weft__sys_force.no_perf_tick = false;
}

/* ---- calls that a tick breaks off */

#define NAPS 10

static struct {
	int broken, pipe[2];
	ssize_t got;
} calls;

/* nanosleep is one of those that the kernel never goes on with by itself. */
static int nap(void *arg)
{
	for (int i = 0; i < NAPS; i++) {
		struct timespec left = { .tv_nsec = 20 * WEFT_MS };

		while (nanosleep(&left, &left) != 0 && errno == EINTR)
			calls.broken++;
		for (volatile int k = 0; k < 100000; k++)
			;
	}
	return 0;
}

static int read_byte(void *arg)
{
	char byte;

	calls.got = read(calls.pipe[0], &byte, 1);
	return calls.got == 1 ? 0 : errno;
}

static int call_beside_spinners(void *arg)
{
	weft_thread *spinners[2], *napper, *reader;

	memset(&calls, 0, sizeof calls);
	check(pipe(calls.pipe) == 0);
	for (int i = 0; i < 2; i++)
		spinners[i] = start(spin, NULL);
	reader = start(read_byte, NULL);
	napper = start(nap, NULL);
	check(result_of(napper) == 0);
	check(write(calls.pipe[1], "x", 1) == 1);
	check(result_of(reader) == 0);
	atomic_store_release(&stop, 1u);
	for (int i = 0; i < 2; i++)
		check(result_of(spinners[i]) == 0);
	close(calls.pipe[0]);
	close(calls.pipe[1]);
	check(stats_now().calls_broken == (uint64_t)calls.broken);
	if (strcmp(stats_now().tick_means, "perf") == 0)
		check(calls.broken == 0);
	/* A carrier that is blocked loses its processor, and with it its ticks: a few a call. */
	check(calls.broken <= 20 * NAPS);
	return 0;
}

static void calls_that_end_with_eintr_are_counted_and_few(void **state)
{
	(void)state;
	run_both_kinds(call_beside_spinners);
	weft__sys_force.no_perf_tick = true;
	run_both_kinds(call_beside_spinners);
	weft__sys_force.no_perf_tick = false;
}

/* ---- room for the frame */

static int idle_thread(void *arg)
{
	return 0;
}

static int small_stacks(void *arg)
{
	size_t least = weft__sys_tick_stack_bytes() + 4096;

	for (size_t bytes = 1; bytes <= (size_t)128 << 10; bytes *= 2) {
		weft_thread_options options = { .kind = kind, .stack_bytes = bytes };
		weft_thread *thread;

		check(weft_thread_spawn(idle_thread, NULL, &options, &thread) == 0);
		check(weft_thread_stack_bytes(thread) >= least);
		check(result_of(thread) == 0);
	}
	return 0;
}

static void the_smallest_stack_has_room_for_a_frame(void **state)
{
	static const int frames[] = { 0, 1776, 3632, 11952 };

	(void)state;
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
		weft__sys_force.frame_bytes = frames[i];
		run_both_kinds(small_stacks);
	}
	weft__sys_force.frame_bytes = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_that_begins_within_a_tick_gets_every_signal),
		cmocka_unit_test(a_carrier_that_is_stopped_blocks_no_signal),
		cmocka_unit_test(who_moved_has_the_alternate_stack_of_its_carrier),
		cmocka_unit_test(nobody_is_switched_away_within_a_handler),
		cmocka_unit_test(nobody_is_switched_away_on_the_alternate_stack),
		cmocka_unit_test(a_handler_that_masks_all_and_calls_ours_leaves_no_mask),
		cmocka_unit_test(on_the_alternate_stack_a_tick_only_wishes),
		cmocka_unit_test(a_program_that_takes_the_signal_has_no_preemption_and_goes_on),
		cmocka_unit_test(ticks_that_pour_in_do_not_pile_up),
		cmocka_unit_test(who_is_idle_gets_no_ticks),
		cmocka_unit_test(calls_that_end_with_eintr_are_counted_and_few),
		cmocka_unit_test(the_smallest_stack_has_room_for_a_frame),
	};

	alarm(110); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
