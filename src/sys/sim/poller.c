/* SPDX-License-Identifier: MIT */
/*
 * Pollers and bells, as epoll and eventfd are on Linux:
 *
 *   - An item is a file under a number, in a poller. A change of the file puts it on the poller's
 *     ready list, once, and wakes one waiter: the one that came last, mostly.
 *   - Who looks takes items off the list and asks each file again: what is not ready any more is
 *     dropped. An item that nobody took stays for the next caller; if some are left, the next
 *     waiter is woken.
 *   - Edge triggered: taken off the list means told. One-shot: told once, then silent until it is
 *     set again.
 *   - Items go when the file does (its last user), not with the number.
 */
#include <errno.h>
#include <stdlib.h>

#include "sys/sim/file.h"

#define EVENTS_MAX 64

struct weft__sim_item {
	struct weft__sim_file *poller, *file;
	int fd;
	uint64_t tag;
	unsigned bits; /* 0: told */
	bool once, ready;
	struct weft__sim_item *next_of_file, *next_member, *next_ready;
};

/* ---- the ready list */

static void push_ready(struct weft__sim_item *item)
{
	struct weft__sim_file *poller = item->poller;

	if (!item->ready) {
		item->ready = true;
		item->next_ready = NULL;
		if (poller->ready_last != NULL)
			poller->ready_last->next_ready = item;
		else
			poller->ready_first = item;
		poller->ready_last = item;
	}
	weft__sim_wake(poller, 1, true);
}

static struct weft__sim_item *pop_ready(struct weft__sim_file *poller)
{
	struct weft__sim_item *item = poller->ready_first;

	if (item == NULL)
		return NULL;
	poller->ready_first = item->next_ready;
	if (poller->ready_first == NULL)
		poller->ready_last = NULL;
	item->ready = false;
	return item;
}

static void drop_ready(struct weft__sim_item *item)
{
	struct weft__sim_item **link = &item->poller->ready_first;
	struct weft__sim_item *before = NULL;

	if (!item->ready)
		return;
	while (*link != item) {
		before = *link;
		link = &before->next_ready;
	}
	*link = item->next_ready;
	if (item->poller->ready_last == item)
		item->poller->ready_last = before;
	item->ready = false;
}

void weft__sim_notify(struct weft__sim_file *file, unsigned bits)
{
	for (struct weft__sim_item *item = file->items; item != NULL; item = item->next_of_file)
		if (item->bits & bits)
			push_ready(item);
	if (file->kind != WEFT__SIM_POLLER)
		weft__sim_wake(file, WEFT__SIM_THREADS_MAX, false);
}

void weft__sim_notify_later(void *file, unsigned bits)
{
	weft__sim_notify(file, bits);
}

/* ---- items */

static void drop_item(struct weft__sim_item *item)
{
	struct weft__sim_item **link;

	drop_ready(item);
	for (link = &item->file->items; *link != item; link = &(*link)->next_of_file)
		;
	*link = item->next_of_file;
	for (link = &item->poller->members; *link != item; link = &(*link)->next_member)
		;
	*link = item->next_member;
	free(item);
}

/* The file goes away, be it a member or the poller. */
void weft__sim_items_drop(struct weft__sim_file *file)
{
	while (file->items != NULL)
		drop_item(file->items);
	while (file->members != NULL)
		drop_item(file->members);
}

static struct weft__sim_item *find_item(struct weft__sim_file *poller, struct weft__sim_file *file,
					int fd)
{
	struct weft__sim_item *item = file->items;

	while (item != NULL && (item->poller != poller || item->fd != fd))
		item = item->next_of_file;
	return item;
}

static void set_item(struct weft__sim_item *item, unsigned bits, bool once, uint64_t tag)
{
	item->bits = bits | POLLERR | POLLHUP;
	item->once = once;
	item->tag = tag;
	if (weft__sim_file_poll(item->file) & item->bits)
		push_ready(item);
}

static struct weft__sim_item *add_item(struct weft__sim_file *poller, struct weft__sim_file *file,
				       int fd)
{
	struct weft__sim_item *item = calloc(1, sizeof *item);

	weft__assert(item != NULL);
	item->poller = poller;
	item->file = file;
	item->fd = fd;
	item->next_of_file = file->items;
	file->items = item;
	item->next_member = poller->members;
	poller->members = item;
	return item;
}

/* ---- taking events */

static uint32_t ready_bits(unsigned bits)
{
	uint32_t ready = 0;

	if (bits & (POLLIN | POLLRDHUP | POLLHUP | POLLERR))
		ready |= WEFT__POLL_READ;
	if (bits & (POLLOUT | POLLHUP | POLLERR))
		ready |= WEFT__POLL_WRITE;
	if (bits & (POLLRDHUP | POLLHUP | POLLERR))
		ready |= WEFT__POLL_END;
	return ready;
}

/* The list may be told from its second item on: order is nobody's right. */
static void turn_list(struct weft__sim_file *poller)
{
	struct weft__sim_item *first = poller->ready_first;

	if (first == poller->ready_last || weft__sim_choose(4) != 0)
		return;
	poller->ready_first = first->next_ready;
	first->next_ready = NULL;
	poller->ready_last->next_ready = first;
	poller->ready_last = first;
}

static int take_events(struct weft__sim_file *poller, struct weft__sys_event *out_events, int max)
{
	int count = 0;

	if (weft__sim_nuisance(weft__sim.options.short_io))
		max = 1 + (int)weft__sim_choose((unsigned)max);
	turn_list(poller);
	while (count < max) {
		struct weft__sim_item *item = pop_ready(poller);
		unsigned bits;

		if (item == NULL)
			break;
		bits = weft__sim_file_poll(item->file) & item->bits;
		if (bits == 0)
			continue;
		out_events[count].tag = item->tag;
		out_events[count].ready = ready_bits(bits);
		weft__sim_note("event %d of fd %d: %#x", count, item->fd, bits);
		count++;
		if (item->once)
			item->bits = 0;
	}
	if (poller->ready_first != NULL)
		weft__sim_wake(poller, 1, true);
	return count;
}

static int wait_for_events(struct weft__sim_file *poller, struct weft__sys_event *out_events,
			   int max, int64_t deadline_ns)
{
	bool over = deadline_ns <= weft__sim.now_ns;

	for (;;) {
		int count = take_events(poller, out_events, max);

		if (count > 0 || over)
			return count;
		switch (weft__sim_block("poller_wait", poller, NULL, deadline_ns)) {
		case WEFT__SIM_WOKEN:
			break;
		case WEFT__SIM_TIMED_OUT:
			over = true;
			break;
		case WEFT__SIM_INTERRUPTED:
			return -EINTR;
		}
	}
}

/* ---- the calls */

static int open_kind(enum weft__sim_kind kind, const char *call)
{
	int fd;

	weft__sim_step(call);
	if (!weft__sim_file_room(1))
		return -EMFILE;
	fd = weft__sim_file_number(weft__sim_file_make(kind));
	weft__sim_note("%s() = %d", call, fd);
	return fd;
}

int weft__sys_poller_open(void)
{
	if (weft__sim_fault(weft__sim.options.fail_poller))
		return -EMFILE;
	return open_kind(WEFT__SIM_POLLER, "poller_open");
}

int weft__sys_bell_open(void)
{
	int bell = open_kind(WEFT__SIM_BELL, "bell_open");
	struct weft__sim_file *file = weft__sim_file_get(bell);

	if (file != NULL) {
		file->nonblock = true;
		weft__sim_file_put(file);
	}
	return bell;
}

/* Both files, referred to; -EBADF, -EINVAL: no poller, -EPERM: cannot be waited for. */
static int get_both(int poller_fd, int fd, struct weft__sim_file **out_poller,
		    struct weft__sim_file **out_file)
{
	struct weft__sim_file *poller = weft__sim_file_get(poller_fd);
	struct weft__sim_file *file = weft__sim_file_get(fd);
	int rc = 0;

	if (poller == NULL || file == NULL)
		rc = -EBADF;
	else if (poller->kind != WEFT__SIM_POLLER || file == poller)
		rc = -EINVAL;
	else if (file->kind == WEFT__SIM_PLAIN)
		rc = -EPERM;
	if (rc == 0) {
		*out_poller = poller;
		*out_file = file;
		return 0;
	}
	if (poller != NULL)
		weft__sim_file_put(poller);
	if (file != NULL)
		weft__sim_file_put(file);
	return rc;
}

int weft__sys_poller_add(int poller_fd, int fd, uint64_t tag)
{
	struct weft__sim_file *poller, *file;
	int rc;

	weft__sim_step("poller_add");
	rc = get_both(poller_fd, fd, &poller, &file);
	if (rc < 0)
		return rc;
	if (find_item(poller, file, fd) != NULL)
		rc = -EEXIST;
	else if (weft__sim_fault(weft__sim.options.fail_poller))
		rc = weft__sim_choose(2) == 0 ? -ENOMEM : -ENOSPC;
	else
		set_item(add_item(poller, file, fd), POLLIN | POLLOUT | POLLRDHUP, false, tag);
	weft__sim_note("poller_add(%d, %d, %#llx) = %d", poller_fd, fd, (unsigned long long)tag,
		       rc);
	weft__sim_file_put(poller);
	weft__sim_file_put(file);
	return rc;
}

int weft__sys_poller_remove(int poller_fd, int fd)
{
	struct weft__sim_file *poller, *file;
	struct weft__sim_item *item;
	int rc;

	weft__sim_step("poller_remove");
	rc = get_both(poller_fd, fd, &poller, &file);
	if (rc < 0)
		return rc;
	item = find_item(poller, file, fd);
	if (item != NULL)
		drop_item(item);
	weft__sim_note("poller_remove(%d, %d)", poller_fd, fd);
	weft__sim_file_put(poller);
	weft__sim_file_put(file);
	return item != NULL ? 0 : -ENOENT;
}

int weft__sys_poller_once(int poller_fd, int fd, uint32_t wanted, uint64_t tag)
{
	struct weft__sim_file *poller, *file;
	struct weft__sim_item *item;
	unsigned bits = (wanted & WEFT__POLL_READ ? POLLIN | POLLRDHUP : 0) |
			(wanted & WEFT__POLL_WRITE ? POLLOUT : 0);
	int rc;

	weft__sim_step("poller_once");
	rc = get_both(poller_fd, fd, &poller, &file);
	if (rc < 0)
		return rc;
	item = find_item(poller, file, fd);
	if (item == NULL && weft__sim_fault(weft__sim.options.fail_poller))
		rc = -ENOMEM;
	else
		set_item(item != NULL ? item : add_item(poller, file, fd), bits, true, tag);
	weft__sim_note("poller_once(%d, %d, %#llx) = %d", poller_fd, fd, (unsigned long long)tag,
		       rc);
	weft__sim_file_put(poller);
	weft__sim_file_put(file);
	return rc;
}

int weft__sys_poller_wait(int poller_fd, struct weft__sys_event *out_events, int max,
			  int64_t deadline_ns)
{
	struct weft__sim_file *poller;
	int count;

	weft__sim_step("poller_wait");
	poller = weft__sim_file_get(poller_fd);
	if (poller == NULL)
		return -EBADF;
	if (weft__sim_nuisance(weft__sim.options.eintr))
		count = -EINTR;
	else
		count = wait_for_events(poller, out_events, max < EVENTS_MAX ? max : EVENTS_MAX,
					deadline_ns);
	weft__sim_note("poller_wait(%d) = %d", poller_fd, count);
	weft__sim_file_put(poller);
	return count;
}

/* Ringing a bell that somebody has closed is a bug of the caller's: the number may be a
 * stranger's. */
static struct weft__sim_file *get_bell(int bell, const char *call)
{
	struct weft__sim_file *file;

	weft__sim_step(call);
	file = weft__sim_file_get(bell);
	weft__sim_note("%s(%d)", call, bell);
	if (file == NULL || file->kind != WEFT__SIM_BELL)
		weft__sim_stop(WEFT__SIM_FAILED, "%s: descriptor %d is no bell", call, bell);
	return file;
}

void weft__sys_bell_ring(int bell)
{
	struct weft__sim_file *file = get_bell(bell, "bell_ring");

	file->rung = true;
	weft__sim_notify(file, POLLIN);
	weft__sim_file_put(file);
}

void weft__sys_bell_clear(int bell)
{
	struct weft__sim_file *file = get_bell(bell, "bell_clear");

	if (file->rung) {
		file->rung = false;
		weft__sim_notify(file, POLLOUT);
	}
	weft__sim_file_put(file);
}

static int wait_for_one(struct weft__sim_file *file, unsigned bits, struct weft__sim_file *bell,
			int64_t deadline_ns)
{
	bool over = deadline_ns <= weft__sim.now_ns;

	for (;;) {
		unsigned ready = file != NULL ? weft__sim_file_poll(file) & bits : 0;

		if (ready != 0)
			return (int)ready_bits(ready);
		if (bell != NULL && bell->rung)
			return 0;
		if (over)
			return -ETIMEDOUT;
		over = weft__sim_block("poll", file, bell, deadline_ns) == WEFT__SIM_TIMED_OUT;
	}
}

int weft__sys_poll(int fd, uint32_t wanted, int bell, int64_t deadline_ns)
{
	struct weft__sim_file *file, *ringer;
	unsigned bits = POLLERR | POLLHUP | (wanted & WEFT__POLL_READ ? POLLIN | POLLRDHUP : 0) |
			(wanted & WEFT__POLL_WRITE ? POLLOUT : 0);
	int rc = -EBADF;

	weft__sim_step("poll");
	file = weft__sim_file_get(fd);
	ringer = weft__sim_file_get(bell);
	if (fd < 0 || file != NULL)
		rc = wait_for_one(file, bits, ringer, deadline_ns);
	if (rc > 0)
		rc &= (int)wanted;
	weft__sim_note("poll(%d, %u) = %d", fd, wanted, rc);
	if (file != NULL)
		weft__sim_file_put(file);
	if (ringer != NULL)
		weft__sim_file_put(ringer);
	return rc;
}
