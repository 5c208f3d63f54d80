/* SPDX-License-Identifier: MIT */
/* What makes a user-level thread a thread to the C library: each test is named after its trap. */
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <malloc.h>
#include <resolv.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc.h"
#include "sys/linux/tls_state.h"
#include "sys/sys.h"
#include "thread_pointer.h"
#include "tls_user.h"

#define ROUNDS 100000

static char was_single; /* the C library's mode before there could be blocks */
static struct user *one, *other;

/* ---- who it is */

static void note_self(struct user *self)
{
	pthread_t *seen = self->arg;

	*seen = pthread_self();
	user_yield(self);
	USER_CHECK(self, pthread_equal(*seen, pthread_self()));
	USER_CHECK(self, weft__arch_self() == self);
}

static void it_is_itself_on_every_kernel_thread(void **state)
{
	pthread_t first, second;

	(void)state;
	assert_int_equal(user_do(one, note_self, &first), 0);
	assert_int_equal(user_do(other, note_self, &second), 0);
	assert_false(pthread_equal(first, second));
	assert_false(pthread_equal(first, pthread_self()));
	assert_null(weft__arch_self());
}

/* A library, an emulator or a variable may say that the processor cannot. */
static void the_thread_pointer_is_set_by_what_there_is(void **state)
{
	const char *forced = getenv("WEFT_FORCE_FSGSBASE");
	bool is_fast = weft__arch_tp_is_fast() && (forced == NULL || strcmp(forced, "0") != 0);
	void *own = weft__arch_tp(), *there;

	(void)state;
	assert_int_equal(weft__sys_tls_is_quick, is_fast);
	for (int i = 0; i < 4; i++) {
		weft__arch_tp_set(one->tp, (i & 1) != 0 && weft__arch_tp_is_fast());
		there = weft__arch_tp();
		weft__arch_tp_set(own, (i & 2) != 0 && weft__arch_tp_is_fast());
		assert_ptr_equal(there, one->tp);
		assert_ptr_equal(weft__arch_tp(), own);
	}
}

/* Enters with one block and leaves with another; this file is built with canaries everywhere. */
static user_noinline int change_block(void *tp)
{
	volatile char bytes[64];

	memset((char *)bytes, 1, sizeof bytes);
	weft__sys_tls_set(tp);
	return bytes[7];
}

static void the_canary_is_the_process_s(void **state)
{
	int there, back;

	(void)state;
	there = change_block(one->tp);
	back = change_block(NULL);
	assert_int_equal(there + back, 2);
}

static void leave_well(void)
{
	_exit(42);
}

static void ask_for_exit(struct user *self)
{
	USER_CHECK(self, atexit(leave_well) == 0);
}

/* Pointers to functions are kept mangled by the pointer guard. */
static void exit_elsewhere(void *arg)
{
	(void)arg;
	if (user_do(one, ask_for_exit, NULL) != 0)
		_exit(1);
	exit(2);
}

static void jump(struct user *self)
{
	jmp_buf place;
	volatile int turns = 0;

	if (setjmp(place) < 3) {
		turns++;
		user_yield(self);
		longjmp(place, turns);
	}
	USER_CHECK(self, turns == 3);
}

static void the_pointer_guard_is_the_process_s(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(exit_elsewhere, NULL), 42);
	assert_int_equal(user_do(one, jump, NULL), 0);
}

/* ---- mutexes that know their owner */

static pthread_mutex_t recursive, checking, robust;

static void make_mutex(pthread_mutex_t *mutex, int type, int robustness)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setrobust(&attributes, robustness);
	assert_int_equal(pthread_mutex_init(mutex, &attributes), 0);
	pthread_mutexattr_destroy(&attributes);
}

static void own_mutexes(struct user *self)
{
	USER_CHECK(self, pthread_mutex_lock(&recursive) == 0);
	USER_CHECK(self, pthread_mutex_lock(&recursive) == 0);
	USER_CHECK(self, pthread_mutex_lock(&checking) == 0);
	user_yield(self);
	USER_CHECK(self, pthread_mutex_lock(&recursive) == 0);
	USER_CHECK(self, pthread_mutex_lock(&checking) == EDEADLK);
	for (int i = 0; i < 3; i++)
		USER_CHECK(self, pthread_mutex_unlock(&recursive) == 0);
	USER_CHECK(self, pthread_mutex_unlock(&checking) == 0);
}

static void want_mutexes(struct user *self)
{
	USER_CHECK(self, pthread_mutex_trylock(&recursive) == EBUSY);
	USER_CHECK(self, pthread_mutex_trylock(&checking) == EBUSY);
	USER_CHECK(self, pthread_mutex_unlock(&checking) == EPERM);
}

static void own_until_end(void)
{
	user_start(one, own_mutexes, NULL);
	assert_false(user_run(one));
	assert_int_equal(user_do(other, want_mutexes, NULL), 0);
	assert_int_equal(pthread_mutex_trylock(&recursive), EBUSY);
	assert_true(user_run_elsewhere(one));
	assert_int_equal(one->failed_line, 0);
	assert_int_equal(pthread_mutex_trylock(&recursive), 0);
	assert_int_equal(pthread_mutex_unlock(&recursive), 0);
}

static void its_tid_owns_a_recursive_mutex_alone(void **state)
{
	(void)state;
	make_mutex(&recursive, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
	make_mutex(&checking, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
	own_until_end();
}

static void no_tid_is_the_kernel_s_or_another_s(void **state)
{
	int first, second;

	(void)state;
	memcpy(&first, (char *)one->tp - weft__libc.tp_offset + weft__libc.tid, sizeof first);
	memcpy(&second, (char *)other->tp - weft__libc.tp_offset + weft__libc.tid, sizeof second);
	assert_int_not_equal(first, second);
	assert_true(first > 1 << 22 && first < 1 << 30);
	assert_true(second > 1 << 22 && second < 1 << 30);
}

static void lock_robust(struct user *self)
{
	for (int i = 0; i < 3; i++) {
		USER_CHECK(self, pthread_mutex_lock(&robust) == 0);
		user_yield(self);
		USER_CHECK(self, pthread_mutex_unlock(&robust) == 0);
	}
}

static void the_list_of_robust_mutexes_is_its_own(void **state)
{
	(void)state;
	make_mutex(&robust, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	assert_int_equal(user_do(user_make(), lock_robust, NULL), 0);
	assert_int_equal(user_do(one, lock_robust, NULL), 0);
}

static void leave_robust(struct user *self)
{
	USER_CHECK(self, pthread_mutex_lock(self->arg) == 0);
}

/* Its memory is somebody else's by then. */
static void a_robust_mutex_left_locked_is_in_nobody_s_list(void **state)
{
	pthread_mutex_t left, others;

	(void)state;
	make_mutex(&left, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	make_mutex(&robust, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	assert_int_equal(user_do(one, leave_robust, &left), 0);
	memset(&left, 0xa5, sizeof left);
	others = left;
	assert_int_equal(user_do(one, lock_robust, NULL), 0);
	assert_memory_equal(&left, &others, sizeof left);
}

/* ---- what libc keeps in the block */

static void ask_cpu(struct user *self)
{
	int cpu = *(int *)self->arg;

	for (int i = 0; i < 10; i++)
		USER_CHECK(self, sched_getcpu() == cpu);
}

static void sched_getcpu_does_not_answer_an_old_cpu(void **state)
{
	cpu_set_t all, alone;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&alone);
		CPU_SET(cpu, &alone);
		assert_int_equal(sched_setaffinity(0, sizeof alone, &alone), 0);
		user_start(one, ask_cpu, &cpu);
		assert_true(user_run(one));
		assert_int_equal(one->failed_line, 0);
	}
	assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void use_tables(struct user *self)
{
	char text[64];

	for (int i = 0; i < 2; i++) {
		USER_CHECK(self, isalpha('x') && !isalpha('1') && toupper('x') == 'X');
		USER_CHECK(self, strtod("3.25 and more", NULL) == 3.25);
		snprintf(text, sizeof text, "%'d %.3f %s", 12, 0.5, strerror(ENOENT));
		USER_CHECK(self, strcmp(text, "12 0.500 No such file or directory") == 0);
		user_yield(self);
	}
}

static void ctype_strtod_and_printf_have_their_tables(void **state)
{
	struct user *fresh = user_make();

	(void)state;
	assert_int_equal(user_do(fresh, use_tables, NULL), 0);
	assert_int_equal(user_do(fresh, use_tables, NULL), 0);
}

static void ask_resolver(struct user *self)
{
	*(res_state *)self->arg = __res_state();
}

static void the_resolver_s_state_is_its_own(void **state)
{
	res_state first = NULL, second = NULL;

	(void)state;
	assert_int_equal(user_do(one, ask_resolver, &first), 0);
	assert_int_equal(user_do(other, ask_resolver, &second), 0);
	assert_ptr_not_equal(first, second);
	assert_ptr_not_equal(first, __res_state());
}

static void the_library_s_single_threaded_mode_has_ended(void **state)
{
	(void)state;
	assert_int_equal(was_single, 1);
	assert_int_equal(__libc_single_threaded, 0);
}

static void keep_errno(struct user *self)
{
	errno = EDOM;
	user_yield(self);
	USER_CHECK(self, errno == EDOM);
	user_yield(self);
	USER_CHECK(self, errno == EDOM);
}

static void errno_goes_along(void **state)
{
	(void)state;
	errno = ERANGE;
	assert_int_equal(user_do(one, keep_errno, NULL), 0);
	assert_int_equal(errno, ERANGE);
}

/* ---- the next thread of a block */

static __thread int counted = 5;
static __thread char zeroed[100];

static void soil(struct user *self)
{
	locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);

	USER_CHECK(self, locale != (locale_t)0);
	uselocale(locale);
	errno = EDOM;
	counted = 6;
	memset(zeroed, 1, sizeof zeroed);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	dlopen("/there/is/none", RTLD_LAZY);
	/* Left as it is: the next thread must not find it. */
}

static void find_clean(struct user *self)
{
	int cancelling;

	USER_CHECK(self, errno == 0);
	USER_CHECK(self, uselocale((locale_t)0) == LC_GLOBAL_LOCALE);
	USER_CHECK(self, counted == 5);
	for (size_t i = 0; i < sizeof zeroed; i++)
		USER_CHECK(self, zeroed[i] == 0);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancelling);
	USER_CHECK(self, cancelling == PTHREAD_CANCEL_ENABLE);
	USER_CHECK(self, dlerror() == NULL);
	USER_CHECK(self, weft__arch_self() == self);
}

static void errno_locale_and_thread_locals_are_new_on_reuse(void **state)
{
	(void)state;
	counted = 7;
	assert_int_equal(user_do(one, soil, NULL), 0);
	assert_int_equal(user_do(one, find_clean, NULL), 0);
	assert_int_equal(counted, 7);
}

static void spend_memory(struct user *self)
{
	void *pieces[8];

	for (size_t i = 0; i < 8; i++) {
		pieces[i] = malloc(16 << i);
		USER_CHECK(self, pieces[i] != NULL);
		memset(pieces[i], 1, 16 << i);
	}
	for (size_t i = 0; i < 8; i++)
		free(pieces[i]);
}

static void reuse_leaks_no_malloc_cache(void **state)
{
	size_t before;
	long resident;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(user_do(i % 2 ? one : other, spend_memory, NULL), 0);
	before = mallinfo2().uordblks;
	resident = proc_kib("VmRSS");
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(user_do(i % 2 ? one : other, spend_memory, NULL), 0);
	assert_true(mallinfo2().uordblks <= before + 4096);
	assert_true(proc_kib("VmRSS") <= resident + 1024);
}

/* ---- keys */

#define KEYS 40 /* more than one level's */

static pthread_key_t keys[KEYS], again, gone;
static int destroyed, stubborn;
static struct user *destroyer;

static void destroy(void *value)
{
	if (weft__arch_self() == destroyer && (uintptr_t)value <= KEYS)
		destroyed++;
}

static void set_again(void *value)
{
	stubborn++;
	pthread_setspecific(again, value);
}

static void use_keys(struct user *self)
{
	for (uintptr_t i = 0; i < KEYS; i++) {
		USER_CHECK(self, pthread_getspecific(keys[i]) == NULL);
		USER_CHECK(self, pthread_setspecific(keys[i], (void *)(i + 1)) == 0);
	}
	user_yield(self);
	for (uintptr_t i = 0; i < KEYS; i++)
		USER_CHECK(self, pthread_getspecific(keys[i]) == (void *)(i + 1));
	USER_CHECK(self, pthread_getspecific(again) == NULL);
	USER_CHECK(self, pthread_setspecific(again, self) == 0);
	USER_CHECK(self, pthread_setspecific(gone, (void *)1) == 0);
	pthread_key_delete(gone);
}

static void use_keys_twice(void)
{
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(pthread_key_create(&gone, destroy), 0);
		assert_int_equal(user_do(one, use_keys, NULL), 0);
		assert_int_equal(destroyed, i * KEYS);
		assert_int_equal(stubborn, i * PTHREAD_DESTRUCTOR_ITERATIONS);
	}
}

static void destructors_of_keys_run_at_its_end(void **state)
{
	(void)state;
	destroyer = one;
	assert_int_equal(pthread_key_create(&again, set_again), 0);
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(pthread_key_create(&keys[i], destroy), 0);
	use_keys_twice();
	for (int i = 0; i < KEYS; i++)
		pthread_key_delete(keys[i]);
	pthread_key_delete(again);
}

/* ---- fork */

static void *nothing(void *arg)
{
	return arg;
}

static void live_on(struct user *self)
{
	pthread_t thread;
	void *result = NULL;

	USER_CHECK(self, weft__arch_self() == self);
	USER_CHECK(self, pthread_create(&thread, NULL, nothing, self) == 0);
	USER_CHECK(self, pthread_join(thread, &result) == 0 && result == self);
	USER_CHECK(self, setgid(getgid()) == 0);
	free(malloc(1000));
	for (int i = 0; i < 3; i++) {
		struct user *fresh = user_make();

		free(fresh);
	}
}

/* The kernel clears the tid of the block that the child's kernel thread ends with. */
static void fork_there(struct user *self)
{
	int status, before, after;
	char *tid = (char *)self->tp - weft__libc.tp_offset + weft__libc.tid;
	pid_t child;

	memcpy(&before, tid, sizeof before);
	child = fork();
	USER_CHECK(self, child >= 0);
	if (child == 0) {
		live_on(self);
		memcpy(&after, tid, sizeof after);
		if (self->failed_line == 0 && after != before)
			self->failed_line = __LINE__;
		exit(self->failed_line != 0);
	}
	USER_CHECK(self, waitpid(child, &status, 0) == child);
	USER_CHECK(self, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What the kernel holds of the calling kernel thread: where it clears a tid when that ends, and the
 * list of robust mutexes. */
static bool is_registered_at(const char *record)
{
	char *tid, *robust_list;
	size_t bytes;

	if (prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0) != 0)
		tid = (char *)(uintptr_t)record + weft__libc.tid; /* a kernel that does not tell */
	if (syscall(SYS_get_robust_list, 0, &robust_list, &bytes) != 0)
		return false;
	return tid == record + weft__libc.tid && robust_list == record + weft__libc.robust_head;
}

static char *own_record; /* of the kernel thread */

static void fork_and_ask(struct user *self)
{
	int status;
	pid_t child;

	USER_CHECK(self, is_registered_at(own_record));
	child = fork();
	if (child == 0)
		_exit(is_registered_at(own_record) ? 0 : 1);
	USER_CHECK(self, waitpid(child, &status, 0) == child);
	USER_CHECK(self, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void the_child_s_clear_child_tid_and_robust_list_are_its_kernel_thread_s(void **state)
{
	void *list;
	size_t bytes;

	(void)state;
	if (syscall(SYS_get_robust_list, 0, &list, &bytes) != 0 && errno == ENOSYS)
		skip(); /* an emulator's */
	own_record = (char *)pthread_self();
	user_start(one, fork_and_ask, NULL);
	assert_true(user_run(one));
	assert_int_equal(one->failed_line, 0);
}

static void fork_in_it_has_a_child_that_lives(void **state)
{
	(void)state;
	assert_int_equal(user_do(one, fork_there, NULL), 0);
	user_start(one, fork_there, NULL);
	assert_true(user_run_elsewhere(one));
	assert_int_equal(one->failed_line, 0);
}

/* The child's library has forgotten the block. */
static void reuse_in_child(void *arg)
{
	(void)arg;
	if (user_do(one, find_clean, NULL) != 0 || user_do(other, use_tables, NULL) != 0 ||
	    user_do(user_make(), find_clean, NULL) != 0)
		_exit(1);
}

static void a_child_uses_blocks_from_before_the_fork(void **state)
{
	(void)state;
	assert_int_equal(user_do(one, soil, NULL), 0);
	assert_int_equal(proc_in_child(reuse_in_child, NULL), 0);
	assert_int_equal(user_do(one, find_clean, NULL), 0);
}

static void run_command(struct user *self)
{
	char line[16] = "";
	FILE *pipe = popen("echo out", "r");

	USER_CHECK(self, pipe != NULL);
	USER_CHECK(self, fgets(line, sizeof line, pipe) != NULL && strcmp(line, "out\n") == 0);
	USER_CHECK(self, pclose(pipe) == 0);
	USER_CHECK(self, system("exit 3") == 3 << 8);
}

static void popen_and_system_work_in_it(void **state)
{
	(void)state;
	assert_int_equal(user_do(one, run_command, NULL), 0);
}

/* ---- modules that are loaded while blocks exist */

struct module {
	const char *path;
	void *handle;
	int *(*at)(void);
};

static void load(struct module *module)
{
	module->handle = dlopen(module->path, RTLD_NOW);
	if (module->handle == NULL)
		print_error("%s\n", dlerror());
	assert_non_null(module->handle);
	*(void **)&module->at = dlsym(module->handle, "module_value");
	assert_non_null(module->at);
}

static void expect_image(struct user *self)
{
	struct module *module = self->arg;

	user_yield(self);
	USER_CHECK(self, *module->at() == 42);
	*module->at() = 7;
	user_yield(self);
	USER_CHECK(self, *module->at() == 7);
}

/* One runs meanwhile, one is between two threads, one is made afterwards. */
static void load_among_blocks(struct module *module)
{
	user_start(one, expect_image, module);
	assert_false(user_run(one));
	load(module);
	while (!user_run(one) && !user_run_elsewhere(one))
		;
	assert_int_equal(one->failed_line, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(user_do(one, expect_image, module), 0);
		assert_int_equal(user_do(other, expect_image, module), 0);
	}
	assert_int_equal(user_do(user_make(), expect_image, module), 0);
	assert_int_equal(*module->at(), 42);
}

/* The child's library has forgotten all blocks, that in force too, and is told of it again. */
static void load_in_child(struct user *self)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct module module = { .path = TLS_INITIAL_EXEC };

		module.handle = dlopen(module.path, RTLD_NOW);
		if (module.handle == NULL)
			_exit(1);
		*(void **)&module.at = dlsym(module.handle, "module_value");
		_exit(*module.at() == 42 ? 0 : 2);
	}
	USER_CHECK(self, waitpid(child, &status, 0) == child);
	USER_CHECK(self, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_child_s_module_with_initial_exec_tls_finds_its_image(void **state)
{
	(void)state;
	assert_int_equal(user_do(one, load_in_child, NULL), 0);
}

/* There too a block that is in use when a module comes gets its image, once its thread began. */
static void load_beside_in_child(void *arg)
{
	struct module module = { .path = TLS_INITIAL_EXEC };

	(void)arg;
	user_start(one, expect_image, &module);
	if (user_run(one))
		_exit(1);
	module.handle = dlopen(module.path, RTLD_NOW);
	if (module.handle == NULL)
		_exit(2);
	*(void **)&module.at = dlsym(module.handle, "module_value");
	while (!user_run(one) && !user_run_elsewhere(one))
		;
	if (one->failed_line != 0 || user_do(other, expect_image, &module) != 0)
		_exit(3);
}

static void a_module_finds_its_image_in_a_block_from_before_the_fork(void **state)
{
	(void)state;
	assert_int_equal(user_do(one, use_tables, NULL), 0);
	assert_int_equal(user_do(other, use_tables, NULL), 0);
	assert_int_equal(proc_in_child(load_beside_in_child, NULL), 0);
}

static void a_module_with_initial_exec_tls_finds_its_image(void **state)
{
	struct module module = { .path = TLS_INITIAL_EXEC };

	(void)state;
	assert_non_null(weft__libc.threads);
	load_among_blocks(&module);
}

static void a_module_with_dynamic_tls_finds_its_image(void **state)
{
	struct module module = { .path = TLS_GLOBAL_DYNAMIC };

	(void)state;
	for (int i = 0; i < 20; i++) {
		load_among_blocks(&module);
		assert_int_equal(dlclose(module.handle), 0);
		assert_int_equal(user_do(one, find_clean, NULL), 0);
	}
}

/* ---- streams */

static FILE *shared;

static void hold_stream(struct user *self)
{
	flockfile(shared);
	fputs("a", shared);
	user_yield(self);
	fputs("b", shared);
	user_yield(self);
	fputs("c", shared);
	funlockfile(shared);
}

static void want_stream(struct user *self)
{
	USER_CHECK(self, ftrylockfile(shared) != 0);
}

static void a_stream_s_lock_is_held_by_one_of_them(void **state)
{
	char *text = NULL;
	size_t bytes;

	(void)state;
	shared = open_memstream(&text, &bytes);
	assert_non_null(shared);
	user_start(one, hold_stream, NULL);
	for (bool ended = false; !ended;) {
		ended = user_run(one);
		if (!ended) {
			assert_int_equal(user_do(other, want_stream, NULL), 0);
			assert_int_not_equal(ftrylockfile(shared), 0);
			ended = user_run_elsewhere(one);
		}
	}
	fputs("d", shared);
	fclose(shared);
	assert_string_equal(text, "abcd");
	free(text);
}

/* ---- setuid and its like */

static uint32_t stop;

static void spin(struct user *self)
{
	(void)self;
	while (atomic_load_relaxed(&stop) == 0)
		;
}

static void change_ids(struct user *self)
{
	USER_CHECK(self, setgid(getgid()) == 0);
	USER_CHECK(self, setuid(getuid()) == 0);
	user_yield(self);
	USER_CHECK(self, setregid((gid_t)-1, getegid()) == 0);
}

static void setuid_ends_wherever_it_is_called(void **state)
{
	pthread_t spinner;

	(void)state;
	atomic_store_relaxed(&stop, 0u);
	user_start(other, spin, NULL);
	assert_int_equal(pthread_create(&spinner, NULL, user_run_here, other), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(user_do(one, change_ids, NULL), 0);
		assert_int_equal(setgid(getgid()), 0);
	}
	atomic_store_relaxed(&stop, 1u);
	pthread_join(spinner, NULL);
	assert_true(other->is_ended);
}

/* ---- the stack that goes with it */

static void the_record_says_which_stack_is_its(void **state)
{
	char *record = (char *)one->tp - weft__libc.tp_offset;
	char *low;
	size_t bytes;

	(void)state;
	assert_int_not_equal(weft__libc.stack_low, 0);
	memcpy(&low, record + weft__libc.stack_low, sizeof low);
	memcpy(&bytes, record + weft__libc.stack_bytes, sizeof bytes);
	assert_ptr_equal(low, one->low);
	assert_int_equal(bytes, one->stack_bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_library_s_single_threaded_mode_has_ended),
		cmocka_unit_test(it_is_itself_on_every_kernel_thread),
		cmocka_unit_test(the_thread_pointer_is_set_by_what_there_is),
		cmocka_unit_test(the_canary_is_the_process_s),
		cmocka_unit_test(the_pointer_guard_is_the_process_s),
		cmocka_unit_test(its_tid_owns_a_recursive_mutex_alone),
		cmocka_unit_test(no_tid_is_the_kernel_s_or_another_s),
		cmocka_unit_test(the_list_of_robust_mutexes_is_its_own),
		cmocka_unit_test(a_robust_mutex_left_locked_is_in_nobody_s_list),
		cmocka_unit_test(sched_getcpu_does_not_answer_an_old_cpu),
		cmocka_unit_test(ctype_strtod_and_printf_have_their_tables),
		cmocka_unit_test(the_resolver_s_state_is_its_own),
		cmocka_unit_test(errno_goes_along),
		cmocka_unit_test(errno_locale_and_thread_locals_are_new_on_reuse),
		cmocka_unit_test(reuse_leaks_no_malloc_cache),
		cmocka_unit_test(destructors_of_keys_run_at_its_end),
		cmocka_unit_test(
			the_child_s_clear_child_tid_and_robust_list_are_its_kernel_thread_s),
		cmocka_unit_test(fork_in_it_has_a_child_that_lives),
		cmocka_unit_test(a_child_uses_blocks_from_before_the_fork),
		cmocka_unit_test(popen_and_system_work_in_it),
		cmocka_unit_test(a_child_s_module_with_initial_exec_tls_finds_its_image),
		cmocka_unit_test(a_module_finds_its_image_in_a_block_from_before_the_fork),
		cmocka_unit_test(a_module_with_initial_exec_tls_finds_its_image),
		cmocka_unit_test(a_module_with_dynamic_tls_finds_its_image),
		cmocka_unit_test(a_stream_s_lock_is_held_by_one_of_them),
		cmocka_unit_test(setuid_ends_wherever_it_is_called),
		cmocka_unit_test(the_record_says_which_stack_is_its),
	};

	was_single = __libc_single_threaded;
	user_init();
	weft__sys_tls_adopt();
	one = user_make();
	other = user_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
