/* SPDX-License-Identifier: MIT */
/*
 * Learns what weft__libc holds.
 *
 * Offsets come from the tables that the library has for debuggers. The rest is seen in a witness: a
 * thread that pthread_create starts on memory of ours, so that the library puts it into the list
 * that our blocks go into, marks its record as one whose stack is not its own to reuse, and notes
 * the stack that we know the bounds of. The record of the witness as it begins to run is the
 * pattern of ours: it holds all that a thread has inherited (guards, flags), and fields that we
 * need not know. Pointers into the record itself are moved along; pointers into the witness's stack
 * are dropped.
 *
 * The lock of that list is not offered to debuggers. It is taken to stand where it has stood since
 * the list is in the dynamic linker (2.34), and is believed only if pthread_create waits for it
 * when we hold it. Without it blocks are in no list: they lack what dlopen puts into the blocks of
 * running threads for a library with initial-exec TLS.
 *
 * Rejected: pthread_create for each block, and a raw exit of the kernel thread on it (nothing but
 * public calls, but 50 us a block, and it counts as a live thread for ever).
 */
#include "sys/linux/libc.h"

#include <ctype.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/time.h>

#include "sys/linux/force.h"
#include "sys/sys.h"
#include "thread_pointer.h"

#define WITNESS_STACK_BYTES ((size_t)128 << 10)

struct weft__libc weft__libc;
static char why[160];

/* ---- the debuggers' tables */

/* Of a field: its size in bits, how many there are, its offset. */
struct field {
	uint32_t bits, count, offset;
};

enum { A_SIZE, AN_OFFSET, A_COUNT };

struct need {
	const char *name;
	size_t *into;
	int what;
};

static size_t rtld_threads, rtld_slots; /* in what the dynamic linker shares with the library */

static const struct need needs[] = {
	{ "_thread_db_sizeof_pthread", &weft__libc.record_bytes, A_SIZE },
	{ "_thread_db_pthread_tid", &weft__libc.tid, AN_OFFSET },
	{ "_thread_db_pthread_list", &weft__libc.node, AN_OFFSET },
	{ "_thread_db_pthread_cancelhandling", &weft__libc.cancelling, AN_OFFSET },
	{ "_thread_db_pthread_specific", &weft__libc.specific, AN_OFFSET },
	{ "_thread_db_pthread_dtvp", &weft__libc.dtv, AN_OFFSET },
	{ "_thread_db_sizeof_pthread_key_struct", &weft__libc.key_bytes, A_SIZE },
	{ "_thread_db_pthread_key_struct_seq", &weft__libc.key_sequence, AN_OFFSET },
	{ "_thread_db_pthread_key_struct_destr", &weft__libc.key_destructor, AN_OFFSET },
	{ "_thread_db_sizeof_pthread_key_data", &weft__libc.value_bytes, A_SIZE },
	{ "_thread_db_pthread_key_data_seq", &weft__libc.value_sequence, AN_OFFSET },
	{ "_thread_db_pthread_key_data_data", &weft__libc.value_data, AN_OFFSET },
	{ "_thread_db_pthread_key_data_level2_data", &weft__libc.values_a_level, A_COUNT },
	{ "_thread_db_dtv_t_pointer_val", &weft__libc.dtv_value, AN_OFFSET },
	{ "_thread_db_dtv_slotinfo_list_next", &weft__libc.slots_next, AN_OFFSET },
	{ "_thread_db_dtv_slotinfo_list_len", &weft__libc.slots_count, AN_OFFSET },
	{ "_thread_db_dtv_slotinfo_list_slotinfo", &weft__libc.slots_first, AN_OFFSET },
	{ "_thread_db_sizeof_dtv_slotinfo", &weft__libc.slot_bytes, A_SIZE },
	{ "_thread_db_dtv_slotinfo_map", &weft__libc.slot_map, AN_OFFSET },
	{ "_thread_db_dtv_slotinfo_gen", &weft__libc.slot_age, AN_OFFSET },
	{ "_thread_db_link_map_l_tls_offset", &weft__libc.map_offset, AN_OFFSET },
	{ "_thread_db_rtld_global__dl_stack_user", &rtld_threads, AN_OFFSET },
	{ "_thread_db_rtld_global__dl_tls_dtv_slotinfo_list", &rtld_slots, AN_OFFSET },
};

static int refuse(const char *format, const char *what)
{
	snprintf(why, sizeof why, format, what);
	return -ENOTSUP;
}

static bool is_lacking(const char *name)
{
	const char *lacking = weft__sys_force.lacking;

	return lacking != NULL && (strcmp(lacking, name) == 0 || strcmp(lacking, "none") == 0);
}

static void *find(const char *name)
{
	if (is_lacking(name))
		return NULL;
	return dlsym(RTLD_DEFAULT, name);
}

static int read_tables(void)
{
	const struct field *field;

	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
		const struct need *need = &needs[i];

		field = find(need->name);
		if (field == NULL)
			return refuse("the C library does not offer %s", need->name);
		if (need->what == A_SIZE)
			*need->into = field->bits; /* one number */
		else
			*need->into = need->what == A_COUNT ? field->count : field->offset;
	}
	field = find("_thread_db_dtv_dtv");
	if (field == NULL)
		return refuse("the C library does not offer %s", "_thread_db_dtv_dtv");
	weft__libc.dtv_bytes = field->bits / 8;
	field = find("_thread_db_pthread_specific");
	weft__libc.levels = field->bits / 8 / sizeof(void *);
	return 0;
}

static int find_functions(void)
{
	void (*static_info)(size_t *, size_t *) = NULL;
	char *global = find("_rtld_global");

	*(void **)&static_info = find("_dl_get_tls_static_info");
	*(void **)&weft__libc.allocate_tls = find("_dl_allocate_tls");
	*(void **)&weft__libc.allocate_tls_init = find("_dl_allocate_tls_init");
	*(void **)&weft__libc.call_tls_dtors = find("__call_tls_dtors");
	if (static_info == NULL)
		return refuse("the C library does not offer %s", "_dl_get_tls_static_info");
	if (weft__libc.allocate_tls == NULL || weft__libc.allocate_tls_init == NULL)
		return refuse("the C library does not offer %s", "_dl_allocate_tls");
	if (weft__libc.call_tls_dtors == NULL)
		return refuse("the C library does not offer %s", "__call_tls_dtors");
	if (global == NULL)
		return refuse("the C library does not offer %s", "_rtld_global");
	static_info(&weft__libc.tls_bytes, &weft__libc.tls_align);
	weft__libc.slots = (char **)(void *)(global + rtld_slots);
	return 0;
}

/* ---- the witness */

struct witness {
	char *stack;
	uint32_t may_start;               /* atomic */
	uint32_t has_started, has_looked; /* atomic */
	int error;                        /* of starting it */
	int tid;
	const char *doubt; /* NULL: all is as it should be */
};

static uintptr_t word_at(size_t offset)
{
	uintptr_t word;

	memcpy(&word, weft__libc.pattern + offset, sizeof word);
	return word;
}

/* The stack's bounds: two words that nothing else in the record can be. */
static void find_stack(const struct witness *witness)
{
	for (size_t i = 0; i + 2 * sizeof(void *) <= weft__libc.record_bytes; i += sizeof(void *)) {
		if (word_at(i) == (uintptr_t)witness->stack &&
		    word_at(i + sizeof(void *)) == WITNESS_STACK_BYTES) {
			weft__libc.stack_low = i;
			weft__libc.stack_bytes = i + sizeof(void *);
			return;
		}
	}
}

static bool is_inside(uintptr_t address, const char *at, size_t bytes)
{
	return address - (uintptr_t)at < bytes;
}

/* Which words move along with the record; what points into the stack around it is dropped. */
static bool find_relocations(const struct witness *witness)
{
	struct weft__libc *libc = &weft__libc;

	for (size_t i = 0; i + sizeof(void *) <= libc->record_bytes; i += sizeof(void *)) {
		if (is_inside(word_at(i), libc->pattern_at, libc->record_bytes + 1)) {
			if (libc->relocation_count == WEFT__LIBC_RELOCATIONS_MAX)
				return false;
			libc->relocations[libc->relocation_count++] = i;
		} else if (is_inside(word_at(i), witness->stack, WITNESS_STACK_BYTES)) {
			memset(libc->pattern + i, 0, sizeof(void *));
		}
	}
	return true;
}

/* The head of the robust mutexes: a word that points to itself, behind one that points to it. */
static void find_robust(void)
{
	struct weft__libc *libc = &weft__libc;

	for (size_t i = libc->tid; i + 2 * sizeof(void *) <= libc->record_bytes; i++) {
		uintptr_t next = (uintptr_t)libc->pattern_at + i + sizeof(void *);

		if (i % sizeof(void *) == 0 && word_at(i) == next &&
		    word_at(i + sizeof(void *)) == next) {
			libc->robust_back = i;
			libc->robust_head = i + sizeof(void *);
			return;
		}
	}
}

/* Whether our idea of the list holds: the witness is in it. */
static bool is_in_list(const struct weft__libc_node *node)
{
	const struct weft__libc_node *at = node;

	for (unsigned i = 0; i < 100000; i++) {
		if (at->next == NULL || at->next->prev != at)
			return false;
		at = at->next;
		if (at == weft__libc.threads)
			return true;
	}
	return false;
}

static void learn_tls(char *record, char *tp)
{
	struct weft__libc *libc = &weft__libc;
	void **resolver = find("__resp");
	const ptrdiff_t *rseq = find("__rseq_offset");

	libc->tp_offset = tp - record;
	libc->tls_ctype[0] = (char *)__ctype_b_loc() - tp;
	libc->tls_ctype[1] = (char *)__ctype_tolower_loc() - tp;
	libc->tls_ctype[2] = (char *)__ctype_toupper_loc() - tp;
	if (resolver != NULL && is_inside((uintptr_t)*resolver, record, libc->record_bytes)) {
		libc->tls_resolver = (char *)resolver - tp;
		libc->resolver = (size_t)((char *)*resolver - record);
	}
	libc->has_rseq = rseq != NULL;
	libc->tls_rseq = rseq != NULL ? *rseq : 0;
}

static const char *look_around(struct witness *witness)
{
	struct weft__libc *libc = &weft__libc;
	char *record = (char *)pthread_self(), *tp = weft__arch_tp();
	int tid;

	witness->tid = (int)syscall(SYS_gettid);
	if (!is_inside((uintptr_t)record, witness->stack, WITNESS_STACK_BYTES) ||
	    record + libc->record_bytes > witness->stack + WITNESS_STACK_BYTES)
		return "its control block is not where it should be";
	memcpy(libc->pattern, record, libc->record_bytes);
	libc->pattern_at = record;
	memcpy(&tid, record + libc->tid, sizeof tid);
	if (tid != witness->tid)
		return "its control block has no tid where it should be";
	learn_tls(record, tp);
	if (libc->tp_offset != (WEFT__ARCH_TLS_IS_BELOW ? 0 : (ptrdiff_t)libc->record_bytes))
		return "its thread pointer is not where it should be";
	if (!is_in_list((struct weft__libc_node *)(void *)(record + libc->node)))
		libc->threads = NULL;
	find_stack(witness);
	find_robust();
	weft__libc_find_flag(libc, record);
	return find_relocations(witness) ? NULL : "its control block is full of pointers";
}

static void *witness_main(void *arg)
{
	struct witness *witness = arg;

	witness->doubt = look_around(witness);
	atomic_store_release(&witness->has_looked, 1u);
	weft__sys_wake(&witness->has_looked, 1);
	return NULL;
}

/* Detached, as our threads shall seem to be: nobody can join them by pthread_join. */
static int start_witness(struct witness *witness)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error = pthread_attr_init(&attributes);

	if (error != 0)
		return error;
	error = pthread_attr_setstack(&attributes, witness->stack, WITNESS_STACK_BYTES);
	if (error == 0)
		error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (error == 0)
		error = pthread_create(&thread, &attributes, witness_main, witness);
	pthread_attr_destroy(&attributes);
	return error;
}

/* Another thread starts it, so that we can see it wait for the lock. */
static void *starter_main(void *arg)
{
	struct witness *witness = arg;

	while (atomic_load_acquire(&witness->may_start) == 0)
		(void)weft__sys_wait(&witness->may_start, 0, WEFT_FOREVER);
	witness->error = start_witness(witness);
	atomic_store_release(&witness->has_started, 1u);
	return NULL;
}

static void let_start(void *arg)
{
	struct witness *witness = arg;

	atomic_store_release(&witness->may_start, 1u);
	weft__sys_wake(&witness->may_start, 1);
}

static bool has_started(void *arg)
{
	return atomic_load_acquire(&((struct witness *)arg)->has_started) != 0;
}

/* Its stack is in use until the kernel has no such thread any more. */
static void await_witness(struct witness *witness)
{
	while (atomic_load_acquire(&witness->has_looked) == 0)
		(void)weft__sys_wait(&witness->has_looked, 0, WEFT_FOREVER);
	while (syscall(SYS_tgkill, getpid(), witness->tid, 0) == 0)
		weft__sys_thread_yield();
}

/* ---- the list */

/* Where the lock should be; NULL: there is no telling. */
static uint32_t *guess_lock(struct weft__libc_node *threads, const char *end)
{
	struct weft__libc_node *cache = threads + 1; /* stacks kept for reuse */
	uint32_t *lock = (uint32_t *)(void *)((uintptr_t *)(void *)(cache + 1) + 2);

	if ((char *)(lock + 1) > end)
		return NULL;
	if (cache->next == NULL || cache->prev == NULL || cache->next->prev != cache ||
	    cache->prev->next != cache)
		return NULL;
	return lock;
}

static uint32_t *find_list(void)
{
	char *global = find("_rtld_global");
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	weft__libc.threads = NULL;
	if (global == NULL || is_lacking("list") ||
	    dladdr1(global, &info, (void **)(uintptr_t)&symbol, RTLD_DL_SYMENT) == 0 ||
	    symbol == NULL || symbol->st_size < rtld_threads + sizeof(struct weft__libc_node))
		return NULL;
	weft__libc.threads = (struct weft__libc_node *)(void *)(global + rtld_threads);
	return guess_lock(weft__libc.threads, global + symbol->st_size);
}

/* ---- all of it */

static int hear_witness(struct witness *witness)
{
	uint32_t *lock = find_list();
	pthread_t starter;
	int error = pthread_create(&starter, NULL, starter_main, witness);

	if (error != 0)
		return -error;
	if (lock != NULL && weft__libc_is_lock(lock, let_start, has_started, witness))
		weft__libc.threads_lock = lock;
	let_start(witness);
	pthread_join(starter, NULL);
	if (witness->error != 0)
		return -witness->error;
	await_witness(witness);
	if (witness->doubt != NULL)
		return refuse("the C library is not as expected: of a thread, %s", witness->doubt);
	if (weft__libc.threads_lock == NULL)
		weft__libc.threads = NULL;
	return 0;
}

static int call_witness(void)
{
	struct witness witness = { .error = 0 };
	int error;

	witness.stack = mmap(NULL, WITNESS_STACK_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (witness.stack == MAP_FAILED)
		return -ENOMEM;
	error = hear_witness(&witness);
	munmap(witness.stack, WITNESS_STACK_BYTES);
	return error;
}

int weft__libc_learn(const char **out_why)
{
	struct weft__libc *libc = &weft__libc;
	int error;

	memset(libc, 0, sizeof *libc);
	*out_why = why;
	error = read_tables();
	if (error == 0)
		error = find_functions();
	if (error < 0)
		return error;
	if (!weft__libc_find_keys(libc))
		return refuse("the C library's table of %s is not found", "pthread keys");
	error = weft__libc_find_images();
	if (error < 0)
		return error == -ENOTSUP ? refuse("the C library's own %s is not found", "TLS")
					 : error;
	libc->pattern = malloc(libc->record_bytes);
	if (libc->pattern == NULL)
		return -ENOMEM;
	error = call_witness();
	if (error < 0) {
		free(libc->pattern);
		libc->pattern = NULL;
	}
	return error;
}
