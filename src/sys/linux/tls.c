/* SPDX-License-Identifier: MIT */
/*
 * Blocks, as glibc wants them. The TLS of one is made by the dynamic linker, as pthread_create has
 * it made; the record is a copy of a real thread's (libc.c), and what must differ is filled in
 * here:
 *
 *   tid        unique, above the kernel's and below what fits in a mutex's owner word: 0 would make
 *              recursive mutexes not lock, another thread's would make the two share ownership
 *   list node  in the library's list of threads (dlopen fills in initial-exec TLS by it, dlclose
 *              waits by it), or linked to itself
 *   robust     the head of its list points to itself: the copy does, too
 *   stack      as the thread has it
 *   resolver   the record's own, not the one that all share
 *   ctype      pointers to the tables of the locale
 *   rseq       not registered: else sched_getcpu would answer 0 for ever
 *
 * The address of a thread_local must not outlive a change of the thread pointer, and compilers keep
 * it: so ours are reached by their distance from a thread pointer that is named each time.
 *
 *	own		a block's: the kernel thread's own block; whoever sets the block sets it
 *	used		a block's: some thread ran with it
 *	epoch		a block's: in which process, counted by forks, the library knows of it
 */
#include "sys/tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/hold.h"
#include "sys/linux/libc.h"
#include "sys/linux/setxid.h"
#include "sys/sys.h"
#include "thread_pointer.h"

#define FIRST_TID ((1 << 22) + 1) /* the kernel's largest possible is below */

struct state {
	char *own;
	uint32_t used;
	uint32_t epoch;
};

static __thread struct state state_of_this
	__attribute__((tls_model("initial-exec")));

static struct {
	uint32_t once; /* 0; 1: somebody looks; 2: looked */
	int answer;
	const char *why;
	/* constant once there is an answer */
	ptrdiff_t state, self; /* from the thread pointer */
	bool is_fast;
	/* atomic */
	int next_tid;
	uint32_t epoch;
} tls = { .why = "", .next_tid = FIRST_TID };

static inline struct state *state_at(void *tp)
{
	return (struct state *)(void *)((char *)tp + tls.state);
}

static inline char *record_at(void *tp)
{
	return (char *)tp - weft__libc.tp_offset;
}

/* ---- looking, once */

/* What lies below the thread pointer, which is aligned. */
static size_t bytes_below(void)
{
	size_t mask = weft__libc.tls_align - 1;
	size_t below = weft__libc.record_bytes;

	if (WEFT__ARCH_TLS_IS_BELOW)
		below = weft__libc.tls_bytes - weft__libc.record_bytes;
	return (below + mask) & ~mask;
}

static size_t bytes_above(void)
{
	return WEFT__ARCH_TLS_IS_BELOW ? weft__libc.record_bytes : weft__libc.tls_bytes;
}

static int look(void)
{
	const char *fast = getenv("WEFT_FORCE_FSGSBASE");
	char *tp = weft__arch_tp();
	int error;

	tls.state = (char *)&state_of_this - tp;
	tls.self = (char *)&weft__arch_current - tp;
	tls.is_fast = weft__arch_tp_is_fast() && (fast == NULL || strcmp(fast, "0") != 0);
	error = weft__libc_learn(&tls.why);
	if (error < 0)
		return error;
	weft__setxid_wrap();
	tls.why = "";
	return 0;
}

int weft__sys_tls_init(struct weft__tls_layout *out_layout)
{
	uint32_t once = 0;

	while (!atomic_cas_acquire(&tls.once, &once, 1u)) {
		if (once == 2)
			break;
		once = 0;
		weft__sys_thread_yield();
	}
	if (once != 2) {
		tls.answer = look();
		/* What was lacking may be there another time. */
		once = tls.answer == 0 || tls.answer == -ENOTSUP ? 2 : 0;
		atomic_store_release(&tls.once, once);
		if (once == 0)
			return tls.answer;
	}
	if (tls.answer < 0)
		return tls.answer;
	out_layout->align = weft__libc.tls_align;
	out_layout->bytes = bytes_below() + bytes_above();
	out_layout->is_kept = true;
	return 0;
}

const char *weft__sys_tls_why(void)
{
	return tls.why;
}

/* ---- making one */

static void set_word(char *at, const void *word)
{
	memcpy(at, &word, sizeof word);
}

static void copy_record(char *record)
{
	const struct weft__libc *libc = &weft__libc;

	memcpy(record, libc->pattern, libc->record_bytes);
	for (unsigned i = 0; i < libc->relocation_count; i++) {
		char *at = record + libc->relocations[i], *word;

		memcpy(&word, at, sizeof word);
		set_word(at, record + (word - libc->pattern_at));
	}
	memset(record + libc->tp_offset, 0, WEFT__ARCH_TLS_HEAD_BYTES);
}

static void fill_record(char *record, void *stack_low, size_t stack_bytes)
{
	const struct weft__libc *libc = &weft__libc;
	int tid = atomic_add_relaxed(&tls.next_tid, 1);

	memcpy(record + libc->tid, &tid, sizeof tid);
	if (libc->stack_low != 0) {
		set_word(record + libc->stack_low, stack_low);
		memcpy(record + libc->stack_bytes, &stack_bytes, sizeof stack_bytes);
	}
}

static void fill_tls(char *record, char *tp)
{
	const struct weft__libc *libc = &weft__libc;
	const char *here = weft__arch_tp();

	for (int i = 0; i < 3; i++)
		memcpy(tp + libc->tls_ctype[i], here + libc->tls_ctype[i], sizeof(void *));
	if (libc->resolver != 0)
		set_word(tp + libc->tls_resolver, record + libc->resolver);
	if (libc->has_rseq) {
		const int32_t area[8] = { 0, -2 }; /* cpu_id_start, cpu_id; what is next: 0 */

		memcpy(tp + libc->tls_rseq, area, sizeof area);
	}
}

static void link_node(void *tp)
{
	char *node = record_at(tp) + weft__libc.node;

	weft__libc_link((struct weft__libc_node *)(void *)node);
	state_at(tp)->epoch = atomic_load_relaxed(&tls.epoch);
}

int weft__sys_tls_create(void *at, void *stack_low, size_t stack_bytes, void **out_pointer)
{
	char *tp = (char *)at + bytes_below(), *record = record_at(tp);

	copy_record(record);
	if (weft__libc.allocate_tls(tp) == NULL)
		return -ENOMEM;
	fill_record(record, stack_low, stack_bytes);
	fill_tls(record, tp);
	*state_at(tp) = (struct state){ .own = NULL };
	link_node(tp);
	*out_pointer = tp;
	return 0;
}

/* ---- a thread's beginning and end */

static bool is_own(void *tp)
{
	char *own = state_at(tp)->own;

	return tls.once != 2 || own == NULL || own == tp;
}

static void reset_images(char *tp)
{
	struct weft__libc_keep keep[2] = {
		{ .at = tp + tls.state, .bytes = sizeof(struct state) },
		{ .at = tp + tls.self, .bytes = sizeof(void *) },
	};
	struct weft__libc_keep first = keep[0];

	if (keep[0].at > keep[1].at) {
		keep[0] = keep[1];
		keep[1] = first;
	}
	weft__libc_reset_images(record_at(tp), keep);
}

/*
 * A block from before a fork, in the child: the library does not know of it, and has not put into
 * it what was loaded since. So it is filled in as a whole, but for the library's own part.
 */
static void adopt_again(char *tp)
{
	struct state state = *state_at(tp);
	void *self = weft__arch_self();
	uint64_t all = ~UINT64_C(0), before;
	char *own_at, *copy;
	size_t own_bytes;

	weft__libc_own_image(&own_at, &own_bytes);
	copy = __builtin_alloca(own_bytes);
	memcpy(copy, own_at, own_bytes);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
	weft__libc.allocate_tls_init(tp, false);
	memcpy(own_at, copy, own_bytes);
	*state_at(tp) = state;
	weft__arch_self_set(self);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof all);
	link_node(tp);
}

/* What an earlier thread may have left in the record. */
static void reset_record(char *record)
{
	const struct weft__libc *libc = &weft__libc;

	memcpy(record + libc->cancelling, libc->pattern + libc->cancelling, sizeof(int));
	if (libc->robust_head != 0) {
		set_word(record + libc->robust_head, record + libc->robust_head);
		set_word(record + libc->robust_back, record + libc->robust_head);
	}
}

void weft__sys_tls_begin(void)
{
	char *tp = weft__arch_tp();

	if (is_own(tp))
		return;
	if (unlikely(state_at(tp)->epoch != atomic_load_relaxed(&tls.epoch)))
		adopt_again(tp);
	else if (state_at(tp)->used != 0)
		reset_images(tp);
	if (state_at(tp)->used != 0)
		reset_record(record_at(tp));
	state_at(tp)->used = 1;
	uselocale(LC_GLOBAL_LOCALE); /* the tables of isalpha and its like with it, as of now */
	errno = 0;
}

void weft__sys_tls_end(void)
{
	char *tp = weft__arch_tp();

	if (is_own(tp))
		return;
	weft__libc.call_tls_dtors();
	weft__libc_run_keys(record_at(tp));
	weft__libc.call_tls_dtors(); /* of what those made */
	if (dlerror() != NULL)
		(void)dlerror(); /* the next thread's first error is its own */
	uselocale(LC_GLOBAL_LOCALE); /* its own may be freed by another */
}

/* ---- the thread pointer */

void weft__sys_tls_adopt(void)
{
	state_of_this.own = weft__arch_tp();
}

void *weft__sys_tls_get(void)
{
	return weft__arch_tp();
}

/*
 * The new block knows the kernel thread's own before it is in force: a signal may come in between
 * (setxid.c). A kernel thread that never set one has its own in force.
 */
void weft__sys_tls_set(void *pointer)
{
	char *now = weft__arch_tp();
	char *own = state_at(now)->own;

	if (unlikely(own == NULL))
		own = now;
	if (pointer == NULL)
		pointer = own;
	state_at(pointer)->own = own;
	atomic_compiler_barrier();
	weft__arch_tp_set(pointer, tls.is_fast);
}

void weft__sys_tls_self_set(void *pointer, void *thread)
{
	memcpy((char *)pointer + tls.self, &thread, sizeof thread);
}

/* ---- fork */

void weft__sys_tls_forked(void *pointer)
{
	atomic_add_relaxed(&tls.epoch, 1);
	if (pointer != NULL)
		link_node(pointer);
}
