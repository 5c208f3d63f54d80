/* SPDX-License-Identifier: MIT */
/*
 * The program's own signals while user threads run and ticks come: to the process, to the thread
 * itself, from a timer, one handler within another, and sigwait in a kernel thread.
 */
#include <pthread.h>
#include <sys/time.h>

#include "world.h"

#define ROUNDS 200
#define THREADS 4

static int counts[65]; /* atomic */

static int count_of(int number)
{
	return __atomic_load_n(&counts[number], __ATOMIC_ACQUIRE);
}

static void count_signal(int number)
{
	volatile unsigned work = 0;

	/* Long enough for a tick to fall into it now and then. */
	for (unsigned i = 0; i < 20000; i++)
		work = work + i;
	__atomic_fetch_add(&counts[number], 1, __ATOMIC_RELEASE);
}

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigemptyset(&action.sa_mask);
	check(sigaction(number, &action, NULL) == 0);
	__atomic_store_n(&counts[number], 0, __ATOMIC_RELAXED);
}

static void await_count(int number, int expected)
{
	volatile unsigned work = 0;

	while (count_of(number) < expected)
		work = work + 1;
}

static int signal_the_process(void *arg)
{
	(void)arg;
	handle(SIGUSR1, count_signal, SA_RESTART);
	for (int i = 1; i <= ROUNDS; i++) {
		check(kill(getpid(), SIGUSR1) == 0);
		await_count(SIGUSR1, i);
	}
	check(count_of(SIGUSR1) == ROUNDS);
	return 0;
}

static __thread volatile int raised; /* of the thread whose code was interrupted */

static void note_whose(int number)
{
	raised++;
	count_signal(number);
}

/* A thread that stays on its carrier gets what it raises, before raise returns. */
static int raise_often(void *arg)
{
	int before;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		check(raise(SIGUSR2) == 0);
		weft_preempt_disable();
		before = raised;
		check(raise(SIGUSR2) == 0);
		check(raised > before);
		weft_preempt_enable();
	}
	return 0;
}

static int raise_in_several(void *arg)
{
	weft_thread *threads[THREADS];

	(void)arg;
	handle(SIGUSR2, note_whose, SA_RESTART);
	for (int i = 0; i < THREADS; i++)
		threads[i] = world_start(raise_often, NULL);
	for (int i = 0; i < THREADS; i++)
		check(world_finish(threads[i]) == 0);
	return count_of(SIGUSR2) >= THREADS * ROUNDS ? 0 : 1;
}

/* While it runs SIGUSR2 comes, whose handler raises it again within. */
static void nest(int number)
{
	int before = count_of(SIGUSR2);

	count_signal(number);
	check(raise(SIGUSR2) == 0);
	check(count_of(SIGUSR2) > before);
}

static int handlers_within_handlers(void *arg)
{
	(void)arg;
	handle(SIGUSR2, count_signal, SA_RESTART);
	handle(SIGUSR1, nest, SA_RESTART);
	for (int i = 1; i <= ROUNDS; i++) {
		check(kill(getpid(), SIGUSR1) == 0);
		await_count(SIGUSR1, i);
	}
	return 0;
}

static int alarm_clock(void *arg)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };

	(void)arg;
	handle(SIGALRM, count_signal, SA_RESTART);
	check(setitimer(ITIMER_REAL, &often, NULL) == 0);
	await_count(SIGALRM, 100);
	check(setitimer(ITIMER_REAL, &never, NULL) == 0);
	/* One may still be on its way. */
	handle(SIGALRM, SIG_IGN, 0);
	return 0;
}

/* ---- sigwait: a kernel thread takes what all others block */
static int wait_for_signals(void *arg)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (int i = 0; i < ROUNDS; i++) {
		check(sigwait(&set, &number) == 0 && number == SIGUSR1);
		check(weft_sem_wake(arg) == 0);
	}
	return 0;
}

static int signal_the_waiter(void *arg)
{
	weft_sem got = WEFT_SEM_INIT(0);
	weft_thread_options kernel = { .kind = WEFT_KERNEL };
	weft_thread *waiter;

	(void)arg;
	check(weft_thread_spawn(wait_for_signals, &got, &kernel, &waiter) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		check(kill(getpid(), SIGUSR1) == 0);
		check(weft_sem_wait(&got) == 0);
	}
	return world_finish(waiter);
}

/* ---- */

static void a_signal_to_the_process_is_handled(void **state)
{
	(void)state;
	world_run_both(signal_the_process, NULL);
}

static void a_thread_signals_itself(void **state)
{
	(void)state;
	world_run_user(raise_in_several, NULL);
}

static void handlers_nest(void **state)
{
	(void)state;
	world_run_both(handlers_within_handlers, NULL);
}

static void timers_of_the_process_are_heard(void **state)
{
	(void)state;
	world_run_both(alarm_clock, NULL);
}

static void sigwait_in_a_kernel_thread_takes_signals(void **state)
{
	sigset_t set, before;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	/* The carriers inherit it. */
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
	world_run_both(signal_the_waiter, NULL);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_case(a_signal_to_the_process_is_handled),
		world_case(a_thread_signals_itself),
		world_case(handlers_nest),
		world_case(timers_of_the_process_are_heard),
		world_case(sigwait_in_a_kernel_thread_takes_signals),
	};

	world_watch(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
