/* SPDX-License-Identifier: MIT */
/*
 * fork by a thread of every kind: the child runs that thread and nothing else of the parent's, can
 * start threads anew, wait, talk to the parent, exec, exit and fork again; and the parent does not
 * notice.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <weft/cancel.h>
#include <weft/group.h>

#include "world.h"

#define CHILDREN 8

/* ---- what a child does; in the child, on the thread that forked. It returns its status. */

static int add_one(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
	weft_yield();
	return 0;
}

static int just_be(void)
{
	check(weft_thread_self() != NULL);
	return 3;
}

static int allocate(void)
{
	void *pieces[100];

	for (int i = 0; i < 100; i++) {
		pieces[i] = malloc((size_t)i * 100 + 1);
		check(pieces[i] != NULL);
		memset(pieces[i], i, (size_t)i * 100 + 1);
	}
	for (int i = 0; i < 100; i++)
		free(pieces[i]);
	return 3;
}

static int start_threads(void)
{
	static const weft_kind kinds[] = { WEFT_LIGHT, WEFT_KERNEL, WEFT_USER };
	bool in_sched = weft_sched_self() != NULL;
	weft_thread *threads[30];
	int count = 0, sum = 0;

	for (int i = 0; i < 30; i++) {
		weft_thread_options options = { .kind = kinds[i % 3] };

		if (options.kind == WEFT_USER && !world_has_user())
			options.kind = WEFT_LIGHT;
		if (!in_sched)
			options.kind = WEFT_KERNEL;
		check(weft_thread_spawn(add_one, &sum, &options, &threads[count]) == 0);
		count++;
	}
	for (int i = 0; i < count; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	check(sum == count);
	return 3;
}

static int sleep_a_while(void)
{
	int64_t until_ns = weft_now() + 3 * WEFT_MS;

	check(weft_sleep_until(until_ns) == 0);
	check(weft_now() >= until_ns);
	return 3;
}

static int make_a_scheduler(void)
{
	int sum = 0;

	check(weft_run(add_one, &sum, &(weft_sched_options){ .processors = 2 }) == 0);
	check(sum == 1);
	return 3;
}

static int run_a_program(void)
{
	execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
	return 1;
}

static int spin_beside(void *arg)
{
	while (!__atomic_load_n((int *)arg, __ATOMIC_RELAXED))
		;
	return 0;
}

/* Preemption goes on in the child: the spinner would never let us on one processor. */
static int be_preempted(void)
{
	weft_thread_options options = { .kind = world_kind };
	weft_thread *spinner;
	int stop = 0;

	if (weft_sched_self() == NULL)
		return 3;
	check(weft_thread_spawn(spin_beside, &stop, &options, &spinner) == 0);
	for (int i = 0; i < 5; i++)
		weft_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	check(weft_thread_join(spinner, NULL) == 0);
	return 3;
}

static int block(void)
{
	weft_blocking_begin();
	usleep(1000);
	weft_blocking_end();
	return be_preempted();
}

static int fork_again(void)
{
	pid_t grandchild;

	check(start_threads() == 3);
	grandchild = fork();
	if (grandchild == 0)
		_exit(start_threads() == 3 ? 5 : 1);
	check(world_reap(grandchild) == 5);
	return 3;
}

static int use_sockets(void)
{
	char text[8] = "";
	int ends[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	check(weft_fd_adopt(ends[0]) == 0 && weft_fd_adopt(ends[1]) == 0);
	check(weft_read_until(ends[0], text, sizeof text, weft_now() + WEFT_MS) == -ETIMEDOUT);
	check(weft_write(ends[1], "hello", 6) == 6);
	check(weft_read(ends[0], text, sizeof text) == 6);
	check(strcmp(text, "hello") == 0);
	check(weft_close(ends[0]) == 0 && weft_close(ends[1]) == 0);
	return 3;
}

static int (*const deeds[])(void) = {
	just_be,       allocate,     start_threads, sleep_a_while, make_a_scheduler,
	run_a_program, be_preempted, block,         fork_again,    use_sockets,
};
#define DEEDS (sizeof deeds / sizeof deeds[0])

static int fork_for_each_deed(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < DEEDS; i++) {
		pid_t child;

		fflush(NULL);
		child = fork();
		if (child == 0)
			_exit(deeds[i]());
		if (world_reap(child) != 3) {
			fprintf(stderr, "deed %zu\n", i);
			abort();
		}
	}
	return 0;
}

static void the_child_of_a_scheduled_thread_can_all(void **state)
{
	(void)state;
	world_run_both(fork_for_each_deed, NULL);
}

static void the_child_of_a_kernel_thread_can_all(void **state)
{
	weft_thread_options kernel = { .kind = WEFT_KERNEL };
	weft_thread *thread;
	int result;

	(void)state;
	assert_int_equal(weft_thread_spawn(fork_for_each_deed, NULL, &kernel, &thread), 0);
	assert_int_equal(weft_thread_join(thread, &result), 0);
	assert_int_equal(result, 0);
}

static void *fork_on_pthread(void *arg)
{
	return (void *)(intptr_t)fork_for_each_deed(arg);
}

static void the_child_of_a_foreign_thread_can_all(void **state)
{
	const weft_sched_options two = { .processors = 2 };
	weft_sched *sched;
	pthread_t thread;
	void *result;

	(void)state;
	/* Beside a scheduler, and known to weft or not. */
	assert_int_equal(weft_sched_create(&two, &sched), 0);
	assert_int_equal(pthread_create(&thread, NULL, fork_on_pthread, NULL), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
	assert_int_equal(fork_for_each_deed(NULL), 0);
	assert_int_equal(weft_sched_destroy(sched), 0);
}

/* ---- what the kernel holds of a kernel thread is that thread's own, in the child too */
struct registered {
	void *tid;         /* is cleared when the kernel thread ends */
	void *robust_list; /* is walked then */
};

static struct registered registered(void)
{
	struct registered is = { NULL, NULL };
	size_t bytes;

	(void)prctl(PR_GET_TID_ADDRESS, &is.tid, 0, 0, 0); /* not every kernel tells */
	check(syscall(SYS_get_robust_list, 0, &is.robust_list, &bytes) == 0);
	return is;
}

static int fork_and_compare(void *arg)
{
	struct registered before, after;
	pid_t child;

	(void)arg;
	weft_preempt_disable(); /* stays on its carrier */
	before = registered();
	child = fork();
	if (child == 0) {
		after = registered();
		_exit(after.tid == before.tid && after.robust_list == before.robust_list ? 3 : 4);
	}
	weft_preempt_enable();
	check(world_reap(child) == 3);
	return 0;
}

static void clear_child_tid_and_the_robust_list_stay_the_carrier_s(void **state)
{
	(void)state;
	world_run_both(fork_and_compare, NULL);
}

/* ---- nothing else of the parent's goes on in the child */
static struct {
	weft_sem sem;
	weft_mutex mutex;
	int ran; /* atomic */
	weft_thread *waiter, *holder;
	weft_sched *other;
	pid_t home;
} lost = { .sem = WEFT_SEM_INIT(0), .mutex = WEFT_MUTEX_INIT };

static int wait_for_sem(void *arg)
{
	(void)arg;
	check(weft_sem_wait(&lost.sem) == 0);
	check(getpid() == lost.home);
	__atomic_add_fetch(&lost.ran, 1, __ATOMIC_RELAXED);
	return 0;
}

static int sleep_shortly(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		check(weft_sleep(WEFT_MS) == 0);
		check(getpid() == lost.home);
	}
	return 0;
}

static int yield_a_while(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		weft_yield();
		check(getpid() == lost.home);
	}
	return sleep_shortly(arg);
}

static int in_the_child(void)
{
	weft_thread_options options = { .sched = lost.other };
	weft_thread *thread;

	/* The parent's waiter is not woken, nor counted: the next one gets it. */
	check(weft_sem_wake(&lost.sem) == 0);
	check(weft_sem_wait_until(&lost.sem, weft_now() + 20 * WEFT_SECOND) == 0);
	check(weft_sleep(5 * WEFT_MS) == 0);
	check(lost.ran == 0);
	check(weft_thread_join(lost.waiter, NULL) == -ESRCH);
	check(weft_thread_detach(lost.waiter) == -ESRCH);
	check(weft_thread_spawn(add_one, &lost.ran, &options, &thread) == -ESRCH);
	check(weft_sched_destroy(lost.other) == -ESRCH);
	return 3;
}

static int is_waiting(void *arg, const weft_thread_info *thread)
{
	return thread->id == *(uint64_t *)arg && strcmp(thread->state, "waiting") == 0;
}

static void await_waiting(const weft_thread *thread)
{
	uint64_t id = weft_thread_id(thread);

	while (weft_inspect_threads(is_waiting, &id) == 0)
		weft_yield();
}

static int visit_and_count(void *arg, const weft_thread_info *thread)
{
	(void)thread;
	++*(int *)arg;
	return 0;
}

static int fork_among_others(void *arg)
{
	weft_thread *others[4];
	pid_t child;
	int seen = 0;

	(void)arg;
	lost.home = getpid();
	lost.ran = 0;
	lost.waiter = world_start(wait_for_sem, NULL);
	others[0] = world_start(yield_a_while, NULL);
	others[1] = world_start(yield_a_while, NULL);
	others[2] = world_start(sleep_shortly, NULL);
	others[3] = world_start(sleep_shortly, NULL);
	await_waiting(lost.waiter);
	child = fork();
	if (child == 0) {
		check(weft_inspect_threads(visit_and_count, &seen) == 0 && seen == 1);
		_exit(in_the_child());
	}
	check(world_reap(child) == 3);
	check(weft_sem_wake(&lost.sem) == 0);
	check(world_finish(lost.waiter) == 0);
	check(lost.ran == 1);
	for (int i = 0; i < 4; i++)
		check(world_finish(others[i]) == 0);
	return 0;
}

static void no_other_thread_goes_on_in_the_child(void **state)
{
	(void)state;
	assert_int_equal(weft_sched_create(NULL, &lost.other), 0);
	world_run_both(fork_among_others, NULL);
	assert_int_equal(weft_sched_destroy(lost.other), 0);
}

/* ---- a mutex that wakes a thread which is lost before it has run */
static int lock_and_unlock(void *arg)
{
	check(weft_mutex_lock(arg) == 0);
	weft_mutex_unlock(arg);
	return 0;
}

static int contend_in_the_child(weft_mutex *mutex)
{
	weft_thread *thread;

	weft_mutex_unlock(mutex);
	check(weft_mutex_lock(mutex) == 0);
	check(weft_thread_spawn(lock_and_unlock, mutex, NULL, &thread) == 0);
	await_waiting(thread);
	weft_mutex_unlock(mutex);
	check(weft_thread_join_until(thread, weft_now() + 20 * WEFT_SECOND, NULL) == 0);
	weft_mutex_fini(mutex);
	return 3;
}

static int fork_while_one_is_woken(void *arg)
{
	static weft_mutex mutex = WEFT_MUTEX_INIT;
	bool is_woken = false;
	weft_thread *waiter;
	pid_t child;

	(void)arg;
	while (!is_woken) {
		check(weft_mutex_lock(&mutex) == 0);
		check(weft_thread_spawn(lock_and_unlock, &mutex, NULL, &waiter) == 0);
		await_waiting(waiter);
		weft_preempt_disable();
		weft_mutex_unlock(&mutex);
		/* Held again, before the waiter has run; if it had not waited so long that it has
		 * it now. */
		if (weft_mutex_lock_try(&mutex) == 0) {
			is_woken = true;
			child = fork();
			if (child == 0) {
				weft_preempt_enable();
				_exit(contend_in_the_child(&mutex));
			}
			weft_mutex_unlock(&mutex);
		}
		weft_preempt_enable();
		check(weft_thread_join(waiter, NULL) == 0);
	}
	check(world_reap(child) == 3);
	return 0;
}

static void a_mutex_does_not_wait_for_one_who_is_lost(void **state)
{
	(void)state;
	assert_int_equal(weft_run(fork_while_one_is_woken, NULL,
				  &(weft_sched_options){ .processors = 1 }),
			 0);
}

/* ---- the child's thread goes on to its end */
static int return_later(void *arg)
{
	check(weft_sleep(2 * WEFT_MS) == 0);
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
	return 0;
}

static void say_all_ended(void)
{
	static int said;

	check(said++ == 0);
}

static int *ended_count; /* shared with the child */

static int return_in_child(void *arg)
{
	pid_t child;

	(void)arg;
	*ended_count = 0;
	child = fork();
	if (child == 0) {
		weft_thread_options options = { .kind = world_kind };

		check(atexit(say_all_ended) == 0);
		for (int i = 0; i < 3; i++)
			check(weft_thread_spawn(return_later, ended_count, &options, NULL) == 0);
		return 9;
	}
	check(world_reap(child) == 9);
	check(*ended_count == 3);
	return 0;
}

static void the_child_ends_when_its_threads_have(void **state)
{
	(void)state;
	ended_count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(ended_count != MAP_FAILED);
	world_run_both(return_in_child, NULL);
	munmap(ended_count, 4096);
}

/* ---- many forks at once, while others allocate, wait and talk */
static int fork_often(void *arg)
{
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(deeds[((uintptr_t)arg + (uintptr_t)i) % DEEDS]());
		check(world_reap(child) == 3);
	}
	return 0;
}

static int allocate_often(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&world_stop, __ATOMIC_RELAXED)) {
		check(allocate() == 3);
		weft_yield();
	}
	return 0;
}

struct line {
	int ends[2];
	int rounds;
};

static int echo(void *arg)
{
	struct line *line = arg;
	char byte;

	for (int i = 0; i < line->rounds; i++) {
		check(weft_read(line->ends[1], &byte, 1) == 1);
		check(weft_write(line->ends[1], &byte, 1) == 1);
	}
	return 0;
}

static int talk(void *arg)
{
	struct line *line = arg;
	char byte, back;

	for (int i = 0; i < line->rounds; i++) {
		byte = (char)i;
		check(weft_write(line->ends[0], &byte, 1) == 1);
		check(weft_read(line->ends[0], &back, 1) == 1 && back == byte);
		check(weft_sleep(100 * WEFT_US) == 0);
	}
	return 0;
}

static int fork_in_several(void *arg)
{
	weft_thread *threads[4], *talkers[2], *allocator;
	struct line line = { .rounds = 200 };

	(void)arg;
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, line.ends) == 0);
	check(weft_fd_adopt(line.ends[0]) == 0 && weft_fd_adopt(line.ends[1]) == 0);
	talkers[0] = world_start(echo, &line);
	talkers[1] = world_start(talk, &line);
	allocator = world_start(allocate_often, NULL);
	for (int i = 0; i < 4; i++)
		threads[i] = world_start(fork_often, (void *)(intptr_t)(2 * i));
	for (int i = 0; i < 4; i++)
		check(world_finish(threads[i]) == 0);
	check(world_finish(talkers[0]) == 0 && world_finish(talkers[1]) == 0);
	check(weft_close(line.ends[0]) == 0 && weft_close(line.ends[1]) == 0);
	__atomic_store_n(&world_stop, 1, __ATOMIC_RELAXED);
	check(world_finish(allocator) == 0);
	return 0;
}

static void the_parent_does_not_notice(void **state)
{
	(void)state;
	world_run_both(fork_in_several, NULL);
}

/* ---- scopes and groups */

struct family {
	weft_group group;
	weft_sem never, about;
};

static int wait_in_family(void *arg)
{
	struct family *family = arg;

	weft_sem_wake(&family->about);
	return weft_sem_wait(&family->never);
}

static void end_family_in_child(struct family *family, weft_thread *other, weft_scope *scope)
{
	weft_sem none = WEFT_SEM_INIT(0);
	int sum = 0;

	/* The members are lost: nobody is waited for. */
	weft_thread_cancel(other);
	weft_group_cancel(&family->group);
	check(weft_group_join(&family->group) == -ECANCELED);
	check(weft_group_spawn(&family->group, add_one, &sum, NULL, NULL) == 0);
	check(weft_group_join(&family->group) == 0 && sum == 1);
	/* The scope is as it was. */
	check(weft_cancelled() == 0);
	weft_scope_cancel(scope);
	check(weft_sem_wait(&none) == -ECANCELED);
	check(weft_scope_leave(scope) == -ECANCELED && weft_cancelled() == 0);
}

static int fork_in_a_family(void *arg)
{
	struct family family = { 0 };
	weft_thread *other;
	weft_scope scope;
	pid_t child;

	(void)arg;
	other = world_start(wait_in_family, &family);
	for (int i = 0; i < 3; i++)
		check(weft_group_spawn(&family.group, wait_in_family, &family, NULL, NULL) == 0);
	for (int i = 0; i < 4; i++)
		weft_sem_wait(&family.about);
	weft_scope_enter(&scope, WEFT_FOREVER);
	child = fork();
	if (child == 0) {
		end_family_in_child(&family, other, &scope);
		_exit(3);
	}
	check(world_reap(child) == 3);
	check(weft_scope_leave(&scope) == 0);
	weft_group_cancel(&family.group);
	check(weft_group_join(&family.group) == -ECANCELED);
	weft_thread_cancel(other);
	check(world_finish(other) == -ECANCELED);
	return 0;
}

static void scopes_stay_and_groups_lose_the_lost(void **state)
{
	(void)state;
	world_run_both(fork_in_a_family, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_case(the_child_of_a_scheduled_thread_can_all),
		world_case(the_child_of_a_kernel_thread_can_all),
		world_case(the_child_of_a_foreign_thread_can_all),
		world_case(clear_child_tid_and_the_robust_list_stay_the_carrier_s),
		world_case(no_other_thread_goes_on_in_the_child),
		world_case(a_mutex_does_not_wait_for_one_who_is_lost),
		world_case(the_child_ends_when_its_threads_have),
		world_case(scopes_stay_and_groups_lose_the_lost),
		world_case(the_parent_does_not_notice),
	};

	world_watch(100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
