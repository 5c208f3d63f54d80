/* SPDX-License-Identifier: MIT */
/*
 * Locks that weft does not know, among many user threads, on one and two processors: a thread that
 * waits for one blocks its carrier, and whoever holds it runs on another. And what the C library
 * keeps for each thread: pthread_self, keys, stacks, streams.
 */
#include <pthread.h>
#include <semaphore.h>

#include "world.h"

#define THREADS 24
#define ROUNDS 300

static int in_many(void *arg)
{
	weft_thread *threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		threads[i] = world_start(*(weft_function **)arg, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++)
		check(world_finish(threads[i]) == 0);
	return 0;
}

static void run_many(weft_function *function)
{
	world_run_user(in_many, (void *)&function);
}

/* Some work, so that a slice ends in it now and then. */
static void work(unsigned rounds)
{
	volatile unsigned sum = 0;

	for (unsigned i = 0; i < rounds; i++)
		sum = sum + i;
}

/* ---- mutex */
static struct {
	pthread_mutex_t plain, recursive;
	uint64_t count;
	int inside; /* atomic */
} guarded = { .plain = PTHREAD_MUTEX_INITIALIZER };

static int lock_plain(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		check(pthread_mutex_lock(&guarded.plain) == 0);
		check(__atomic_add_fetch(&guarded.inside, 1, __ATOMIC_RELAXED) == 1);
		guarded.count++;
		work(500);
		__atomic_sub_fetch(&guarded.inside, 1, __ATOMIC_RELAXED);
		check(pthread_mutex_unlock(&guarded.plain) == 0);
	}
	return 0;
}

static void a_contended_mutex_excludes(void **state)
{
	(void)state;
	guarded.count = 0;
	run_many(lock_plain);
	assert_int_equal(guarded.count, 2 * THREADS * ROUNDS); /* on one and two processors */
}

/* Its owner is known by a number that no other thread has. */
static int lock_recursively(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		check(pthread_mutex_lock(&guarded.recursive) == 0);
		check(pthread_mutex_lock(&guarded.recursive) == 0);
		check(__atomic_add_fetch(&guarded.inside, 1, __ATOMIC_RELAXED) == 1);
		guarded.count++;
		work(200);
		__atomic_sub_fetch(&guarded.inside, 1, __ATOMIC_RELAXED);
		check(pthread_mutex_unlock(&guarded.recursive) == 0);
		check(pthread_mutex_unlock(&guarded.recursive) == 0);
	}
	return 0;
}

static void a_recursive_mutex_knows_its_owner(void **state)
{
	pthread_mutexattr_t attributes;

	(void)state;
	assert_int_equal(pthread_mutexattr_init(&attributes), 0);
	assert_int_equal(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE), 0);
	assert_int_equal(pthread_mutex_init(&guarded.recursive, &attributes), 0);
	guarded.count = 0;
	run_many(lock_recursively);
	assert_int_equal(guarded.count, 2 * THREADS * ROUNDS);
}

/* ---- condition: a token goes round */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t turned;
	int turn;
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER, .turned = PTHREAD_COND_INITIALIZER };

static int pass_on(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < ROUNDS / 10; i++) {
		check(pthread_mutex_lock(&ring.lock) == 0);
		while (ring.turn != me)
			check(pthread_cond_wait(&ring.turned, &ring.lock) == 0);
		ring.turn = (me + 1) % THREADS;
		check(pthread_cond_broadcast(&ring.turned) == 0);
		check(pthread_mutex_unlock(&ring.lock) == 0);
	}
	return 0;
}

static void a_condition_passes_the_turn(void **state)
{
	(void)state;
	run_many(pass_on);
}

/* ---- the rest of them */
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spinlock;
static sem_t semaphore;
static pthread_barrier_t barrier;
static uint64_t written;

static int lock_all_sorts(void *arg)
{
	for (int i = 0; i < ROUNDS / 10; i++) {
		if (((int)(intptr_t)arg + i) % 4 == 0) {
			check(pthread_rwlock_wrlock(&rwlock) == 0);
			written++;
		} else {
			check(pthread_rwlock_rdlock(&rwlock) == 0);
		}
		work(200);
		check(pthread_rwlock_unlock(&rwlock) == 0);
		check(sem_wait(&semaphore) == 0);
		work(200);
		check(sem_post(&semaphore) == 0);
		check(pthread_spin_lock(&spinlock) == 0);
		check(pthread_spin_unlock(&spinlock) == 0);
	}
	(void)pthread_barrier_wait(&barrier);
	return 0;
}

static void other_locks_let_all_through(void **state)
{
	(void)state;
	written = 0;
	assert_int_equal(pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE), 0);
	assert_int_equal(sem_init(&semaphore, 0, 2), 0);
	assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
	run_many(lock_all_sorts);
	assert_int_equal(written, (uint64_t)2 * THREADS * (ROUNDS / 10) / 4);
}

/* ---- what is each thread's own */
static pthread_t selves[THREADS];
static pthread_key_t key;
static int destroyed; /* atomic */
static int compared;  /* atomic */

static void destroy(void *value)
{
	check(*(int *)value >= 0);
	free(value);
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
}

static int be_oneself(void *arg)
{
	int me = (int)(intptr_t)arg, *value = malloc(sizeof *value);

	check(value != NULL);
	*value = me;
	check(pthread_getspecific(key) == NULL);
	check(pthread_setspecific(key, value) == 0);
	selves[me] = pthread_self();
	for (int i = 0; i < ROUNDS; i++) {
		errno = me + 1;
		work(500);
		if (i % 10 == 0)
			weft_yield();
		check(errno == me + 1);
		check(pthread_getspecific(key) == value && *value == me);
		check(pthread_equal(pthread_self(), selves[me]) != 0);
	}
	/* None ends, and leaves what it had to another, before the last has begun. */
	__atomic_add_fetch(&compared, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&compared, __ATOMIC_RELAXED) < THREADS)
		weft_yield();
	return 0;
}

static int be_different(void *arg)
{
	__atomic_store_n(&compared, 0, __ATOMIC_RELAXED);
	check(in_many(arg) == 0);
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < i; j++)
			check(pthread_equal(selves[i], selves[j]) == 0);
	return 0;
}

static void each_thread_has_its_own(void **state)
{
	weft_function *function = be_oneself;

	(void)state;
	if (!world_has_user())
		skip();
	destroyed = 0;
	assert_int_equal(pthread_key_create(&key, destroy), 0);
	world_run_user(be_different, (void *)&function);
	assert_int_equal(pthread_key_delete(key), 0);
	assert_int_equal(destroyed, 2 * THREADS);
}

static weft_sem may_look = WEFT_SEM_INIT(0), may_end = WEFT_SEM_INIT(0);
static pthread_t found;

/* glibc asks the kernel for the thread's affinity on the way, by its tid, which a user thread does
 * not have: then it refuses. */
static int look_at_stack(void *arg)
{
	char *here = __builtin_frame_address(0);
	pthread_attr_t attributes;
	size_t bytes;
	void *low;
	int error = pthread_getattr_np(pthread_self(), &attributes);

	(void)arg;
	if (error == ESRCH)
		return 0;
	check(error == 0);
	check(pthread_attr_getstack(&attributes, &low, &bytes) == 0);
	check(here >= (char *)low && here < (char *)low + bytes);
	check(bytes >= weft_thread_stack_bytes(weft_thread_self()));
	check(pthread_attr_destroy(&attributes) == 0);
	return 0;
}

static void no_stack_is_reported_but_its_own(void **state)
{
	(void)state;
	run_many(look_at_stack);
}

/* The kernel knows no such thread; nobody else is taken for it. */
static int be_found(void *arg)
{
	cpu_set_t cpus;

	(void)arg;
	check(pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus) == ESRCH);
	check(pthread_kill(pthread_self(), 0) == 0); /* the carrier gets it */
	found = pthread_self();
	check(weft_sem_wake(&may_look) == 0);
	return weft_sem_wait(&may_end);
}

static int look_for_it(void *arg)
{
	weft_thread *thread = world_start(be_found, arg);

	check(weft_sem_wait(&may_look) == 0);
	check(pthread_kill(found, 0) == ESRCH);
	check(pthread_kill(found, SIGKILL) == ESRCH);
	check(weft_sem_wake(&may_end) == 0);
	return world_finish(thread);
}

static void calls_by_tid_find_no_thread(void **state)
{
	(void)state;
	world_run_user(look_for_it, NULL);
}

/* ---- streams */
static FILE *shared;

static int write_lines(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		flockfile(shared);
		fprintf(shared, "%d ", (int)(intptr_t)arg);
		work(100);
		fprintf(shared, "%d\n", i);
		funlockfile(shared);
	}
	return 0;
}

static void lines_of_a_shared_stream_stay_whole(void **state)
{
	int next[THREADS] = { 0 }, thread, number, lines = 0;

	(void)state;
	shared = tmpfile();
	assert_non_null(shared);
	run_many(write_lines);
	rewind(shared);
	while (fscanf(shared, "%d %d\n", &thread, &number) == 2) {
		assert_in_range(thread, 0, THREADS - 1);
		assert_int_equal(number, next[thread]);
		next[thread] = (number + 1) % ROUNDS; /* twice */
		lines++;
	}
	assert_int_equal(lines, 2 * THREADS * ROUNDS);
	fclose(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_case(a_contended_mutex_excludes),
		world_case(a_recursive_mutex_knows_its_owner),
		world_case(a_condition_passes_the_turn),
		world_case(other_locks_let_all_through),
		world_case(each_thread_has_its_own),
		world_case(no_stack_is_reported_but_its_own),
		world_case(calls_by_tid_find_no_thread),
		world_case(lines_of_a_shared_stream_stay_whole),
	};

	world_watch(100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
