/* SPDX-License-Identifier: MIT */
/* Ticks, by each means. A machine that forbids perf runs those tests by timers. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "proc.h"
#include "watched.h"

#define EVERY_NS INT64_C(200000)

static struct {
	uint32_t ticks, masked, broke, in_libc; /* atomic */
	void *pc, *sp, *frame;
	int errno_seen, errno_to_leave;
	void (*also)(struct weft__tick_context *context);
} seen;

/* That one calls handlers later, from code of its own, with errno 99. */
static void skip_if_signals_are_put_off(void)
{
	const char *sanitizer = getenv("WEFT_SANITIZED");

	if (sanitizer == NULL || strcmp(sanitizer, "thread") != 0)
		return;
	print_message("the thread sanitizer puts signals off\n");
	skip();
}

static void on_tick(struct weft__tick_context *context)
{
	void (*also)(struct weft__tick_context *) = seen.also;

	seen.pc = context->pc;
	seen.sp = context->sp;
	seen.frame = __builtin_frame_address(0);
	seen.errno_seen = errno;
	errno = seen.errno_to_leave;
	if (context->is_masked)
		atomic_add_relaxed(&seen.masked, 1u);
	if (context->broke_call)
		atomic_add_relaxed(&seen.broke, 1u);
	if (context->is_in_libc)
		atomic_add_relaxed(&seen.in_libc, 1u);
	atomic_add_acq_rel(&seen.ticks, 1u);
	if (also != NULL)
		also(context);
}

static uint32_t ticks(void)
{
	return atomic_load_acquire(&seen.ticks);
}

static struct watched watched;

static int start_by(bool timer)
{
	memset(&seen, 0, sizeof seen);
	weft__sys_force.no_perf_tick = timer;
	if (weft__sys_tick_install(on_tick) != 0)
		return -1;
	watched_start(&watched);
	return 0;
}

static int start_by_perf(void **state)
{
	(void)state;
	return start_by(false);
}

static int start_by_timer(void **state)
{
	(void)state;
	return start_by(true);
}

static int stop(void **state)
{
	(void)state;
	watched_end(&watched);
	weft__sys_force.no_perf_tick = false;
	return 0;
}

static __attribute__((noinline)) void compute_until(uint32_t *word, uint32_t at_least)
{
	int64_t end = weft__sys_now() + PATIENCE;

	while (atomic_load_acquire(word) < at_least)
		for (volatile int i = 0; i < 1000; i++)
			if (i == 999 && weft__sys_now() > end)
				return;
}

/* Some CPU time, in user mode mostly. */
static void compute_for(int64_t cpu_ns)
{
	struct timespec used;
	int64_t end = 0;

	for (;;) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
		if (end == 0)
			end = used.tv_sec * WEFT_SECOND + used.tv_nsec + cpu_ns;
		else if (used.tv_sec * WEFT_SECOND + used.tv_nsec >= end)
			return;
		for (volatile int i = 0; i < 10000; i++)
			;
	}
}

static void compute_ten(void *arg)
{
	(void)arg;
	compute_for(10 * EVERY_NS);
}

/* ---- while armed, and only then */

static void take_twenty(void *arg)
{
	(void)arg;
	weft__sys_watch_arm(watched.watch, EVERY_NS);
	compute_until(&seen.ticks, 20);
	weft__sys_watch_arm(watched.watch, 0);
	seen.masked = ticks(); /* as they were */
	compute_for(20 * EVERY_NS);
}

static void ticks_come_while_it_is_armed_and_not_after(void **state)
{
	(void)state;
	watched_do(&watched, take_twenty, NULL);
	assert_true(ticks() >= 20);
	assert_int_equal(ticks(), seen.masked);
	watched_do(&watched, take_twenty, NULL);
	assert_int_equal(ticks(), seen.masked);
}

static void another_arms_it(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		weft__sys_watch_arm(watched.watch, EVERY_NS * i);
		watched_do(&watched, compute_ten, NULL);
		weft__sys_watch_arm(watched.watch, 0);
	}
	assert_true(ticks() >= 1);
}

static void take_one(void *arg)
{
	(void)arg;
	compute_until(&seen.ticks, 1);
}

static void one_tick_comes_when_somebody_asks(void **state)
{
	char *low;
	size_t bytes;

	(void)state;
	watched_begin(&watched, take_one, NULL);
	weft__sys_watch_tick(watched.watch);
	watched_finish(&watched);
	assert_int_equal(ticks(), 1);
	weft__sys_thread_stack((void **)&low, &bytes);
	assert_false((char *)seen.sp > low && (char *)seen.sp < low + bytes);
}

/* The handler is below what it interrupted, by no more than it says. */
static void a_tick_fits_its_room(void **state)
{
	(void)state;
	skip_if_signals_are_put_off();
	watched_begin(&watched, take_one, NULL);
	weft__sys_watch_tick(watched.watch);
	watched_finish(&watched);
	assert_true((char *)seen.frame < (char *)seen.sp);
	assert_in_range((char *)seen.sp - (char *)seen.frame, 512,
			weft__sys_tick_stack_bytes() - 1024);
}

static void take_another(void *arg)
{
	(void)arg;
	compute_until(&seen.ticks, ticks() + 1);
}

static uint32_t toggles_left;

static void *toggle(void *arg)
{
	(void)arg;
	while ((int32_t)atomic_sub_acq_rel(&toggles_left, 1u) > 0) {
		weft__sys_watch_arm(watched.watch, EVERY_NS);
		weft__sys_watch_arm(watched.watch, 0);
		weft__sys_watch_arm(watched.watch, 2 * EVERY_NS);
	}
	return NULL;
}

static void disarm_in_handler(struct weft__tick_context *context)
{
	(void)context;
	weft__sys_watch_arm(watched.watch, 0);
}

static void toggle_too(void *arg)
{
	toggle(arg);
	compute_for(EVERY_NS);
}

static void of_many_who_arm_at_once_the_last_wins(void **state)
{
	weft__sys_thread other;

	(void)state;
	for (int i = 0; i < 10; i++) {
		uint32_t before;

		seen.also = disarm_in_handler;
		atomic_store_relaxed(&toggles_left, 100u);
		assert_int_equal(weft__sys_thread_start(toggle, NULL, 0, "toggler", &other), 0);
		watched_do(&watched, toggle_too, NULL);
		weft__sys_thread_join(other);
		seen.also = NULL;
		weft__sys_watch_arm(watched.watch, 0);
		before = ticks();
		watched_do(&watched, compute_ten, NULL);
		assert_true(ticks() <= before + 1); /* one may have been on its way */
		weft__sys_watch_arm(watched.watch, EVERY_NS);
		before = ticks();
		watched_do(&watched, take_another, NULL);
		assert_true(ticks() > before);
		weft__sys_watch_arm(watched.watch, 0);
	}
}

/* ---- system calls */

#define NAPS 400

struct naps {
	int broken;
	uint32_t wanted; /* ticks */
};

static void nap_and_compute(void *arg)
{
	static const struct timespec nap = { .tv_nsec = 50000 };
	struct naps *naps = arg;
	int64_t end = weft__sys_now() + PATIENCE;

	for (int i = 0; (i < NAPS || ticks() < naps->wanted) && weft__sys_now() < end; i++) {
		if (nanosleep(&nap, NULL) != 0 && errno == EINTR)
			naps->broken++;
		compute_for(40000);
	}
}

static void by_perf_no_call_is_broken_off(void **state)
{
	struct naps naps = { .wanted = 30 };

	(void)state;
	weft__sys_watch_arm(watched.watch, EVERY_NS);
	if (weft__sys_watch_tick_means(watched.watch) != WEFT__TICK_PERF)
		skip();
	watched_do(&watched, nap_and_compute, &naps);
	weft__sys_watch_arm(watched.watch, 0);
	assert_true(ticks() >= 30);
	assert_int_equal(naps.broken, 0);
	assert_int_equal(seen.broke, 0);
}

static void nap_once(void *arg)
{
	static const struct timespec nap = { .tv_sec = PATIENCE / WEFT_SECOND };
	struct naps *naps = arg;

	if (nanosleep(&nap, NULL) != 0 && errno == EINTR)
		naps->broken++;
}

static void a_tick_that_breaks_a_call_off_says_so(void **state)
{
	struct naps naps = { 0 };
	int64_t end = weft__sys_now() + PATIENCE;

	(void)state;
	watched_begin(&watched, nap_once, &naps);
	/* Until one falls into the call. */
	while (atomic_load_relaxed(&seen.broke) == 0 && weft__sys_now() < end) {
		weft__sys_watch_tick(watched.watch);
		weft__sys_thread_yield();
	}
	watched_finish(&watched);
	assert_int_equal(naps.broken, 1);
	assert_true(atomic_load_relaxed(&seen.broke) >= 1);
}

static void by_timer_a_call_may_be_broken_off(void **state)
{
	struct naps naps = { 0 };

	(void)state;
	weft__sys_watch_arm(watched.watch, WEFT_SECOND / 1000);
	assert_int_equal(weft__sys_watch_tick_means(watched.watch), WEFT__TICK_TIMER);
	watched_do(&watched, nap_once, &naps);
	weft__sys_watch_arm(watched.watch, 0);
	assert_int_equal(naps.broken, 1);
	assert_true(seen.broke >= 1);
}

static int ends[2];

static void read_byte(void *arg)
{
	char byte;

	*(ssize_t *)arg = read(ends[0], &byte, 1);
}

static void a_read_goes_on_after_a_tick(void **state)
{
	ssize_t got = -2;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	watched_begin(&watched, read_byte, &got);
	for (uint32_t i = 1; i <= 50; i++) {
		weft__sys_watch_tick(watched.watch);
		while (ticks() < i)
			weft__sys_thread_yield();
	}
	assert_int_equal(write(ends[1], "x", 1), 1);
	watched_finish(&watched);
	assert_int_equal(got, 1);
	close(ends[0]);
	close(ends[1]);
}

/* ---- what the handler is told, and leaves as it was */

static void keep_errno(void *arg)
{
	int *differences = arg;

	for (uint32_t i = 1; i <= 20; i++) {
		errno = 77;
		compute_until(&seen.ticks, i);
		*differences += errno != 77;
	}
}

static void errno_stays_as_it_was(void **state)
{
	int differences = 0;

	(void)state;
	skip_if_signals_are_put_off();
	seen.errno_to_leave = ENOTTY;
	weft__sys_watch_arm(watched.watch, EVERY_NS);
	watched_do(&watched, keep_errno, &differences);
	weft__sys_watch_arm(watched.watch, 0);
	assert_true(ticks() >= 20);
	assert_int_equal(differences, 0);
	assert_int_equal(seen.errno_seen, 77);
}

static void handle_user_signal(int number)
{
	(void)number;
	weft__sys_watch_tick(watched.watch);
	compute_until(&seen.ticks, 2);
}

static void take_one_in_a_handler(void *arg)
{
	(void)arg;
	weft__sys_watch_tick(watched.watch);
	compute_until(&seen.ticks, 1);
	raise(SIGUSR1);
}

static void a_tick_in_another_handler_says_so(void **state)
{
	struct sigaction action = { .sa_handler = handle_user_signal }, before;

	(void)state;
	sigaction(SIGUSR1, &action, &before);
	watched_do(&watched, take_one_in_a_handler, NULL);
	sigaction(SIGUSR1, &before, NULL);
	assert_int_equal(ticks(), 2);
	assert_int_equal(seen.masked, 1);
}

static void stay_in_libc(void *arg)
{
	static char text[1 << 16];
	size_t (*volatile length)(const char *) = strlen;
	int64_t end = weft__sys_now() + PATIENCE;

	memset(text, 'x', sizeof text - 1);
	while (atomic_load_relaxed(&seen.in_libc) < *(uint32_t *)arg && weft__sys_now() < end)
		for (int i = 0; i < 100; i++)
			length(text);
}

static void stay_outside(void *arg)
{
	int64_t end = weft__sys_now() + PATIENCE;

	while (ticks() - atomic_load_relaxed(&seen.in_libc) < *(uint32_t *)arg &&
	       weft__sys_now() < end)
		compute_until(&seen.ticks, ticks() + 1);
}

static void it_is_seen_whether_the_library_was_interrupted(void **state)
{
	uint32_t wanted = 5;

	(void)state;
	weft__sys_watch_arm(watched.watch, EVERY_NS);
	watched_do(&watched, stay_in_libc, &wanted);
	watched_do(&watched, stay_outside, &wanted);
	weft__sys_watch_arm(watched.watch, 0);
	assert_true(atomic_load_relaxed(&seen.in_libc) >= 5);
	assert_true(ticks() - atomic_load_relaxed(&seen.in_libc) >= 5);
}

/* ---- its mask */

static void block_all(void *arg)
{
	sigset_t all;

	(void)arg;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

static void *open_masked(void *arg)
{
	struct weft__watch *watch;
	sigset_t now;

	block_all(NULL);
	if (weft__sys_watch_open(&watch) != 0)
		return NULL;
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	*(bool *)arg = !sigismember(&now, SIGURG) && sigismember(&now, SIGUSR1);
	weft__sys_watch_tick(watch);
	compute_until(&seen.ticks, 1);
	weft__sys_watch_close(watch);
	return NULL;
}

static void who_blocks_every_signal_gets_ticks_all_the_same(void **state)
{
	weft__sys_thread thread;
	bool is_unblocked = false;

	(void)state;
	assert_int_equal(weft__sys_thread_start(open_masked, &is_unblocked, 0, "masked", &thread),
			 0);
	weft__sys_thread_join(thread);
	assert_true(is_unblocked);
	assert_int_equal(ticks(), 1);
	assert_int_equal(seen.masked, 0);
}

/* ---- a context that is interrupted on one kernel thread and goes on on another */

static struct {
	char stack[256 * 1024] weft__aligned(64);
	void *sp, *home_sp;
	stack_t alternate;
	sigset_t mask;
	bool is_told;
} moving;

static void leave_in_handler(struct weft__tick_context *context)
{
	seen.also = NULL;
	weft__sys_tick_leave(context);
	weft__arch_switch(&moving.sp, moving.home_sp);
	if (moving.is_told)
		weft__sys_tick_moved(context);
	errno = 5; /* of the other one: as it was there is what counts */
}

static void move(void *arg)
{
	(void)arg;
	weft__sys_watch_tick(watched.watch);
	compute_until(&seen.ticks, 1);
	sigaltstack(NULL, &moving.alternate);
	pthread_sigmask(SIG_SETMASK, NULL, &moving.mask);
	weft__arch_switch(&moving.sp, moving.home_sp);
}

static void set_own_stack(char *at, size_t bytes)
{
	stack_t own = { .ss_sp = at, .ss_size = bytes };

	sigaltstack(&own, NULL);
}

static char alternates[2][65536];

static void begin_to_move(void *arg)
{
	(void)arg;
	set_own_stack(alternates[0], sizeof alternates[0]);
	moving.sp = weft__arch_context(moving.stack + sizeof moving.stack, move, NULL);
	weft__arch_switch(&moving.home_sp, moving.sp);
	set_own_stack(NULL, 0);
	sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
}

static void *go_on(void *arg)
{
	sigset_t usr2;

	(void)arg;
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &usr2, NULL);
	set_own_stack(alternates[1], sizeof alternates[1]);
	weft__arch_switch(&moving.home_sp, moving.sp);
	sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
	return NULL;
}

static void move_once(bool is_told)
{
	weft__sys_thread other;

	atomic_store_relaxed(&seen.ticks, 0u);
	moving.is_told = is_told;
	seen.also = leave_in_handler;
	watched_do(&watched, begin_to_move, NULL);
	assert_int_equal(weft__sys_thread_start(go_on, NULL, 0, "other", &other), 0);
	weft__sys_thread_join(other);
}

static void what_moved_has_the_stack_and_mask_of_where_it_is(void **state)
{
	(void)state;
	move_once(true);
	assert_ptr_equal(moving.alternate.ss_sp, alternates[1]);
	assert_true(sigismember(&moving.mask, SIGUSR2));
	/* This is what it is for. */
	move_once(false);
	assert_ptr_equal(moving.alternate.ss_sp, alternates[0]);
	assert_false(sigismember(&moving.mask, SIGUSR2));
}

/* ---- the signal of others; each in a child, because a handler is installed once per process */

static void expect(bool holds, int code)
{
	if (!holds)
		_exit(code);
}

static int strangers; /* atomic: a handler counts */
static bool was_blocked;

static void on_stranger(int number, siginfo_t *info, void *context)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	was_blocked = sigismember(&mask, SIGURG) && sigismember(&mask, SIGUSR1);
	atomic_bump(&strangers, number == SIGURG && info != NULL && context != NULL);
}

static void count_stranger(int number)
{
	atomic_bump(&strangers, number == SIGURG);
}

static void get_strangers(void *arg)
{
	struct sigaction earlier = { .sa_flags = SA_SIGINFO };
	struct weft__watch *watch;

	if (arg != NULL)
		earlier = (struct sigaction){ .sa_handler = count_stranger };
	else
		earlier.sa_sigaction = on_stranger;
	sigaddset(&earlier.sa_mask, SIGUSR1);
	memset(&seen, 0, sizeof seen);
	sigaction(SIGURG, &earlier, NULL);
	expect(weft__sys_tick_install(on_tick) == 0, 1);
	expect(weft__sys_tick_install(NULL) == 0, 2);
	raise(SIGURG);
	kill(getpid(), SIGURG);
	expect(strangers == 2 && ticks() == 0, 3);
	expect(arg != NULL || was_blocked, 4);
	expect(weft__sys_watch_open(&watch) == 0, 5);
	weft__sys_watch_tick(watch);
	expect(strangers == 2 && ticks() == 1, 6);
	weft__sys_watch_close(watch);
	raise(SIGURG);
	expect(strangers == 3 && ticks() == 1, 7);
}

static void a_stranger_s_signal_goes_to_the_earlier_handler(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(get_strangers, NULL), 0);
	assert_int_equal(proc_in_child(get_strangers, (void *)"plain"), 0);
}

/* An earlier handler that may be interrupted by its own signal, and so by a tick that moves it. */
static void take_one_and_move(int number)
{
	strangers += number == SIGURG;
	weft__sys_watch_tick(watched.watch);
	compute_until(&seen.ticks, 1);
}

static void move_in_stranger(void *arg)
{
	(void)arg;
	raise(SIGURG);
	sigaltstack(NULL, &moving.alternate);
	pthread_sigmask(SIG_SETMASK, NULL, &moving.mask);
	weft__arch_switch(&moving.sp, moving.home_sp);
}

static void move_an_earlier_handler(void *arg)
{
	struct sigaction earlier = { .sa_handler = take_one_and_move, .sa_flags = SA_NODEFER };
	weft__sys_thread other;

	(void)arg;
	memset(&seen, 0, sizeof seen);
	sigaction(SIGURG, &earlier, NULL);
	expect(weft__sys_tick_install(on_tick) == 0, 1);
	expect(weft__sys_watch_open(&watched.watch) == 0, 2);
	set_own_stack(alternates[0], sizeof alternates[0]);
	moving.is_told = true;
	seen.also = leave_in_handler;
	moving.sp = weft__arch_context(moving.stack + sizeof moving.stack, move_in_stranger, NULL);
	weft__arch_switch(&moving.home_sp, moving.sp);
	expect(strangers == 1 && ticks() == 1, 3);
	expect(weft__sys_thread_start(go_on, NULL, 0, "other", &other) == 0, 4);
	weft__sys_thread_join(other);
	expect(moving.alternate.ss_sp == alternates[1], 5);
	expect(sigismember(&moving.mask, SIGUSR2), 6);
	expect(!sigismember(&moving.mask, SIGURG), 7);
}

static void an_earlier_handler_that_moves_is_told(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(move_an_earlier_handler, NULL), 0);
}

/* A timer and a descriptor of the program's own may send SIGURG too. */
static void get_alike(void *arg)
{
	struct sigaction earlier = { .sa_handler = count_stranger };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG };
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	struct weft__watch *watch;
	timer_t timer;

	(void)arg;
	memset(&seen, 0, sizeof seen);
	sigaction(SIGURG, &earlier, NULL);
	expect(weft__sys_tick_install(on_tick) == 0, 1);
	expect(weft__sys_watch_open(&watch) == 0, 2);
	weft__sys_watch_arm(watch, WEFT_SECOND * 1000);
	event.sigev_value.sival_ptr = watch;
	expect(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, 3);
	expect(timer_settime(timer, 0, &soon, NULL) == 0, 4);
	while (atomic_load_relaxed(&strangers) == 0)
		;
	expect(pipe(ends) == 0, 5);
	fcntl(ends[0], F_SETOWN, getpid());
	fcntl(ends[0], F_SETSIG, SIGURG);
	fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	expect(write(ends[1], "x", 1) == 1, 6);
	while (atomic_load_relaxed(&strangers) == 1)
		;
	expect(ticks() == 0, 7);
	weft__sys_watch_close(watch);
}

static void a_stranger_s_timer_and_descriptor_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(get_alike, NULL), 0);
}

/* ---- the end */

static void close_and_compute(void *arg)
{
	struct weft__watch *watch;

	memset(&seen, 0, sizeof seen);
	weft__sys_force.no_perf_tick = arg != NULL;
	expect(weft__sys_tick_install(on_tick) == 0, 1);
	for (int i = 0; i < 20; i++) {
		uint32_t before = ticks(), at_end;

		expect(weft__sys_watch_open(&watch) == 0, 2);
		weft__sys_watch_arm(watch, EVERY_NS / 4);
		compute_until(&seen.ticks, before + 3);
		weft__sys_watch_close(watch);
		at_end = ticks();
		compute_for(EVERY_NS);
		expect(at_end >= before + 3 && ticks() == at_end, 3);
	}
}

static void no_tick_comes_after_the_watch_is_closed(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(close_and_compute, NULL), 0);
	assert_int_equal(proc_in_child(close_and_compute, (void *)"timer"), 0);
}

/* Perf's descriptors come after the program's own. */
static void take_ticks_without_descriptors(void *arg)
{
	struct rlimit few = { .rlim_cur = 8, .rlim_max = 8 };
	struct weft__watch *watch;

	(void)arg;
	memset(&seen, 0, sizeof seen);
	expect(weft__sys_tick_install(on_tick) == 0, 1);
	setrlimit(RLIMIT_NOFILE, &few);
	expect(weft__sys_watch_open(&watch) == 0, 2);
	while (dup(0) >= 0)
		;
	weft__sys_watch_arm(watch, EVERY_NS);
	expect(weft__sys_watch_tick_means(watch) == WEFT__TICK_TIMER, 3);
	compute_until(&seen.ticks, 3);
	expect(ticks() >= 3, 4);
	weft__sys_watch_close(watch);
}

static void without_descriptors_it_ticks_by_timer(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(take_ticks_without_descriptors, NULL), 0);
}

static uint32_t parent_ticks;

static void close_parent_s(void *arg)
{
	struct weft__watch *watch;

	weft__sys_watch_close(arg);
	memset(&seen, 0, sizeof seen);
	expect(weft__sys_watch_open(&watch) == 0, 1);
	weft__sys_watch_arm(watch, EVERY_NS);
	compute_until(&seen.ticks, 3);
	expect(ticks() >= 3, 2);
	weft__sys_watch_close(watch);
}

static void fork_and_go_on(void *arg)
{
	(void)arg;
	weft__sys_watch_arm(watched.watch, EVERY_NS);
	if (proc_in_child(close_parent_s, watched.watch) == 0)
		atomic_store_relaxed(&parent_ticks, 1u);
	compute_until(&seen.ticks, ticks() + 3);
	weft__sys_watch_arm(watched.watch, 0);
}

static void fork_s_child_has_ticks_of_its_own(void **state)
{
	uint32_t before = ticks();

	(void)state;
	atomic_store_relaxed(&parent_ticks, 0u);
	watched_do(&watched, fork_and_go_on, NULL);
	assert_int_equal(parent_ticks, 1);
	assert_true(ticks() >= before + 3);
}

#define TWICE(test)                                                 \
	cmocka_unit_test_setup_teardown(test, start_by_perf, stop), \
		cmocka_unit_test_setup_teardown(test, start_by_timer, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_s_signal_goes_to_the_earlier_handler),
		cmocka_unit_test(an_earlier_handler_that_moves_is_told),
		cmocka_unit_test(a_stranger_s_timer_and_descriptor_are_told_apart),
		cmocka_unit_test(no_tick_comes_after_the_watch_is_closed),
		cmocka_unit_test(without_descriptors_it_ticks_by_timer),
		TWICE(ticks_come_while_it_is_armed_and_not_after),
		TWICE(another_arms_it),
		TWICE(of_many_who_arm_at_once_the_last_wins),
		TWICE(errno_stays_as_it_was),
		TWICE(it_is_seen_whether_the_library_was_interrupted),
		TWICE(fork_s_child_has_ticks_of_its_own),
		cmocka_unit_test_setup_teardown(by_perf_no_call_is_broken_off, start_by_perf, stop),
		cmocka_unit_test_setup_teardown(by_timer_a_call_may_be_broken_off, start_by_timer,
						stop),
		cmocka_unit_test_setup_teardown(one_tick_comes_when_somebody_asks, start_by_perf,
						stop),
		cmocka_unit_test_setup_teardown(a_tick_fits_its_room, start_by_perf, stop),
		cmocka_unit_test_setup_teardown(a_tick_that_breaks_a_call_off_says_so,
						start_by_perf, stop),
		cmocka_unit_test_setup_teardown(a_read_goes_on_after_a_tick, start_by_perf, stop),
		cmocka_unit_test_setup_teardown(a_tick_in_another_handler_says_so, start_by_perf,
						stop),
		cmocka_unit_test_setup_teardown(who_blocks_every_signal_gets_ticks_all_the_same,
						start_by_perf, stop),
		cmocka_unit_test_setup_teardown(what_moved_has_the_stack_and_mask_of_where_it_is,
						start_by_perf, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
