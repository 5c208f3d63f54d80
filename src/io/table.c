/* SPDX-License-Identifier: MIT */
/*
 * The descriptor table; see table.h. Two levels: a root with a pointer per 1,024 numbers, and
 * chunks of 1,024 entries. Both are published by compare-and-swap and stay for ever; who loses the
 * race frees his own. A chunk is 128 KiB of zeroes, of which the kernel commits what is used.
 */
#include "io/table.h"

#include <errno.h>
#include <stdlib.h>
#include <weft/io.h>
#include <weft/thread.h>

#include "base/panic.h"
#include "io/register.h"
#include "io/wait.h"
#include "io/watch.h"
#include "sys/sys.h"

#define CHUNK_BITS 10
#define CHUNK_ENTRIES (1 << CHUNK_BITS)

struct chunk {
	struct weft__fd entries[CHUNK_ENTRIES];
};

struct root {
	int limit;              /* numbers are below it */
	struct chunk *chunks[]; /* atomic */
};

static struct root *the_root; /* atomic */

static struct root *make_root(void)
{
	int limit = weft__sys_fd_limit();
	size_t chunks = ((size_t)limit + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES;
	struct root *root = calloc(1, sizeof *root + chunks * sizeof(struct chunk *));
	struct root *other = NULL;

	if (root == NULL)
		return NULL;
	root->limit = limit;
	if (atomic_cas_acq_rel(&the_root, &other, root)) /* ROOT */
		return root;
	free(root);
	return other;
}

/* Aligned by hand: unlike aligned_alloc, calloc knows that fresh memory is zero and need not be
 * touched. */
static struct chunk *make_chunk(struct chunk **place)
{
	size_t align = _Alignof(struct chunk);
	char *memory = calloc(1, sizeof(struct chunk) + align);
	struct chunk *chunk, *other = NULL;

	if (memory == NULL)
		return NULL;
	chunk = (struct chunk *)(void *)(memory + (-(uintptr_t)memory & (align - 1)));
	if (atomic_cas_acq_rel(place, &other, chunk)) /* CHUNK */
		/* cppcheck-suppress memleak; it is in the table, which it leaves never */
		return chunk;
	free(memory);
	return other;
}

struct weft__fd *weft__fd_find(int fd)
{
	struct root *root = atomic_load_acquire(&the_root); /* pairs with ROOT */
	struct chunk *chunk;

	if (root == NULL || fd < 0 || fd >= root->limit)
		return NULL;
	chunk = atomic_load_acquire(&root->chunks[fd >> CHUNK_BITS]); /* pairs with CHUNK */
	return chunk != NULL ? &chunk->entries[fd & (CHUNK_ENTRIES - 1)] : NULL;
}

static weft__cold int make_entry(int fd, struct weft__fd **out_entry)
{
	struct root *root = atomic_load_acquire(&the_root);

	if (root == NULL)
		root = make_root();
	if (root == NULL)
		return -ENOMEM;
	if (fd < 0 || fd >= root->limit)
		return -EBADF;
	if (atomic_load_acquire(&root->chunks[fd >> CHUNK_BITS]) == NULL &&
	    make_chunk(&root->chunks[fd >> CHUNK_BITS]) == NULL)
		return -ENOMEM;
	*out_entry = weft__fd_find(fd);
	return 0;
}

static int find_or_make(int fd, struct weft__fd **out_entry)
{
	struct weft__fd *entry = weft__fd_find(fd);

	if (unlikely(entry == NULL))
		return make_entry(fd, out_entry);
	*out_entry = entry;
	return 0;
}

/*
 * For whom finds CLOSING. With references: -EBADF. Without: the closer is about to say his last
 * word, and the kernel may have given the number out already, to the caller or to another. We wait
 * for that word; the yield lets the closer speak, should he be a thread of this very processor, be
 * it one that was switched away by force: close(2) may take long, so it is not under a hold. No
 * lock is held here. If
 * instead weft has opened the number anew, that was after the caller began: he means the old one,
 * -EBADF. Returns 0: the entry is free, and what the number is the kernel knows.
 */
static weft__cold int settle(struct weft__fd *entry, uint64_t *state)
{
	while ((*state & (WEFT__FD_CLOSING | WEFT__FD_REFERENCES)) == WEFT__FD_CLOSING) {
		weft_yield();
		*state = atomic_load_acquire(&entry->state);
	}
	return *state & (WEFT__FD_CLOSING | WEFT__FD_OWNED) ? -EBADF : 0;
}

int weft__fd_begin(int fd, struct weft__use *out_use)
{
	struct weft__fd *entry;
	uint64_t state;
	int error = find_or_make(fd, &entry);

	if (unlikely(error < 0))
		return error;
	state = atomic_load_acquire(&entry->state);
	do {
		if (unlikely(state & WEFT__FD_CLOSING) && settle(entry, &state) < 0)
			return -EBADF;
		weft__assert((state & WEFT__FD_REFERENCES) != WEFT__FD_REFERENCES);
	} while (!atomic_cas_acquire(&entry->state, &state, state + 1)); /* USE */
	*out_use = (struct weft__use){
		.entry = entry,
		.fd = fd,
		.generation = WEFT__FD_GENERATION(state),
		.owned = (state & WEFT__FD_OWNED) != 0,
	};
	if (out_use->owned)
		out_use->kind = atomic_load_relaxed(&entry->kind);
	return 0;
}

/* The last user of a closing descriptor: nobody else can come to the entry until the kernel has the
 * number back. */
static weft__cold int close_last(struct weft__fd *entry, int fd, uint64_t state)
{
	int error;

	weft__watch_drop(entry); /* one that began while it was being closed */
	weft__fd_unregister(entry, fd);
	atomic_store_relaxed(&entry->kind, WEFT__FD_UNKNOWN);
	atomic_store_relaxed(&entry->inherits, 0);
	error = weft__sys_close(fd);
	/* The number may have been given out again already, and its new owner spoken for us: then
	 * this fails. (USE) */
	(void)atomic_cas_acq_rel(&entry->state, &state,
				 (uint64_t)(WEFT__FD_GENERATION(state) + 1) << 32);
	return error == -EINTR ? 0 : error;
}

int weft__fd_end(const struct weft__use *use)
{
	uint64_t state = atomic_sub_acq_rel(&use->entry->state, 1) - 1; /* USE */

	if (likely((state & (WEFT__FD_CLOSING | WEFT__FD_REFERENCES)) != WEFT__FD_CLOSING))
		return 0;
	return close_last(use->entry, use->fd, state);
}

static enum weft__fd_kind ask_kind(int fd)
{
	if (weft__sys_is_socket(fd))
		return WEFT__FD_SOCKET;
	return weft__sys_is_file(fd) ? WEFT__FD_FILE : WEFT__FD_STREAM;
}

enum weft__fd_kind weft__fd_kind(struct weft__use *use)
{
	if (unlikely(use->kind == WEFT__FD_UNKNOWN))
		use->kind = ask_kind(use->fd);
	return use->kind;
}

int weft__fd_check(struct weft__use *use)
{
	uint64_t state = atomic_load_acquire(&use->entry->state);

	if ((state & WEFT__FD_CLOSING) || WEFT__FD_GENERATION(state) != use->generation)
		return -EBADF;
	use->owned = (state & WEFT__FD_OWNED) != 0;
	return 0;
}

/*
 * A number that is in use by weft cannot be given out by the kernel, unless somebody closed it
 * without weft. Those who use it then have lost it: they are woken, and find another generation.
 */
static weft__cold void evict(struct weft__fd *entry, int fd)
{
	weft__watch_drop(entry);
	weft__fd_unregister(entry, fd);
	weft__fd_wake(entry, -EBADF);
}

int weft__fd_open(int fd, enum weft__fd_kind kind)
{
	struct weft__fd *entry;
	uint64_t state, next;
	int error = find_or_make(fd, &entry);

	if (unlikely(error < 0)) {
		weft__sys_close(fd);
		return error == -EBADF ? -EMFILE : error;
	}
	state = atomic_load_acquire(&entry->state);
	do {
		next = (uint64_t)(WEFT__FD_GENERATION(state) + 1) << 32 | WEFT__FD_OWNED |
		       (state & WEFT__FD_REFERENCES);
		/* Owned and not closing: the table's reference is among them. */
		if ((state & (WEFT__FD_OWNED | WEFT__FD_CLOSING)) != WEFT__FD_OWNED)
			next++;
	} while (!atomic_cas_acq_rel(&entry->state, &state, next));
	if (unlikely((state & WEFT__FD_REFERENCES) != 0))
		evict(entry, fd);
	atomic_store_relaxed(&entry->kind, kind);
	atomic_store_relaxed(&entry->inherits, 0);
	return fd;
}

int weft__fd_adopt(int fd)
{
	struct weft__use use = { .fd = fd };
	uint64_t state;
	int error = find_or_make(fd, &use.entry);

	if (error < 0)
		return error;
	state = atomic_load_acquire(&use.entry->state);
	do {
		if ((state & WEFT__FD_CLOSING) && settle(use.entry, &state) < 0)
			return -EBADF;
		if (state & WEFT__FD_OWNED)
			return -EEXIST;
		/* Two references: the table's, and ours until we are done. */
	} while (!atomic_cas_acq_rel(&use.entry->state, &state, (state | WEFT__FD_OWNED) + 2));
	atomic_store_relaxed(&use.entry->kind, ask_kind(fd));
	/* Who waits already has ordered a single report, and would not order another: he begins
	 * anew, as a user of an owned one. */
	if ((state & WEFT__FD_REFERENCES) != 0)
		weft__fd_wake(use.entry, 0);
	return weft__fd_end(&use);
}

int weft_close(int fd)
{
	struct weft__use use = { .fd = fd };
	uint64_t state, next;
	int error = find_or_make(fd, &use.entry);

	if (error == -ENOMEM)
		return weft__sys_close(fd); /* no entry: nobody of ours uses it */
	if (error < 0)
		return error;
	state = atomic_load_acquire(&use.entry->state);
	do {
		if ((state & WEFT__FD_CLOSING) && settle(use.entry, &state) < 0)
			return -EBADF;
		/* The table's reference becomes ours to give back; where there is none we take
		 * one. */
		next = (state | WEFT__FD_CLOSING) + ((state & WEFT__FD_OWNED) ? 0 : 1);
	} while (!atomic_cas_acq_rel(&use.entry->state, &state, next));
	weft__watch_drop(use.entry);
	weft__fd_wake(use.entry, -EBADF);
	return weft__fd_end(&use);
}

/* ---- fork's child: one thread, which is in no call of ours */

static void forget_calls(struct weft__fd *entry)
{
	uint64_t state = entry->state;

	if (state & WEFT__FD_CLOSING) {
		state = (uint64_t)(WEFT__FD_GENERATION(state) + 1) << 32;
		entry->kind = WEFT__FD_UNKNOWN;
		entry->inherits = 0;
	} else {
		state &= ~WEFT__FD_REFERENCES;
		state += (state & WEFT__FD_OWNED) != 0; /* the table's own */
	}
	entry->state = state;
	entry->poller = NULL;
	entry->watch = NULL;
	entry->watch_word = 0;
	entry->both = 0;
	entry->arming = 0;
	for (int i = 0; i < 2; i++)
		entry->sides[i].waiters = (weft__waitq){ 0 };
}

/* Those that nobody ever used are zero, and stay the parent's pages. */
static bool is_used(const struct weft__fd *entry)
{
	return entry->state != 0 || entry->poller != NULL || entry->arming != 0 ||
	       entry->sides[0].sequence != 0 || entry->sides[1].sequence != 0;
}

void weft__fd_forked(void)
{
	struct root *root = the_root;

	for (int fd = 0; root != NULL && fd < root->limit; fd += CHUNK_ENTRIES) {
		struct chunk *chunk = root->chunks[fd >> CHUNK_BITS];

		for (int i = 0; chunk != NULL && i < CHUNK_ENTRIES; i++)
			if (is_used(&chunk->entries[i]))
				forget_calls(&chunk->entries[i]);
	}
}
