/* SPDX-License-Identifier: MIT */
/* Channel; see chan.h. */
#include "chan/chan.h"

#include <errno.h>
#include <stdlib.h>
#include <weft/time.h>

#include "base/panic.h"
#include "sys/spin.h"

int weft_chan_create(size_t element_bytes, size_t capacity, weft_chan **out_chan)
{
	const bool grows = capacity == WEFT_CHAN_UNBOUNDED;
	size_t bytes = 0;
	weft_chan *chan;

	if (element_bytes > WEFT_CHAN_ELEMENT_MAX)
		return -EINVAL;
	if (!grows && (__builtin_mul_overflow(element_bytes, capacity, &bytes) ||
		       bytes > PTRDIFF_MAX - 2 * sizeof *chan))
		return -ENOMEM;
	bytes = (sizeof *chan + bytes + WEFT__CACHE_LINE - 1) & ~(size_t)(WEFT__CACHE_LINE - 1);
	chan = aligned_alloc(WEFT__CACHE_LINE, bytes);
	if (chan == NULL)
		return -ENOMEM;
	memset(chan, 0, sizeof *chan);
	chan->capacity = capacity;
	if (!grows) {
		weft__slots_ring(&chan->slots, element_bytes, chan + 1, capacity);
	} else if (!weft__slots_grow(&chan->slots, element_bytes)) {
		free(chan);
		return -ENOMEM;
	}
	*out_chan = chan;
	return 0;
}

void weft_chan_destroy(weft_chan *chan)
{
	bool is_waited;

	weft__spin_lock(&chan->lock);
	is_waited = !weft__waitq_is_empty(&chan->parties[WEFT__CHAN_SEND]) ||
		    !weft__waitq_is_empty(&chan->parties[WEFT__CHAN_RECV]);
	weft__spin_unlock(&chan->lock);
	if (unlikely(is_waited))
		weft__panic("channel %p: destroyed while somebody waits in it", (void *)chan);
	weft__slots_fini(&chan->slots);
	free(chan);
}

size_t weft_chan_count(const weft_chan *chan)
{
	return atomic_load_relaxed(&chan->count);
}

size_t weft_chan_capacity(const weft_chan *chan)
{
	return chan->capacity;
}

/* ---- with the lock held */

static weft__always_inline void count_by(weft_chan *chan, size_t n)
{
	atomic_store_relaxed(&chan->count, chan->count + n);
}

/* Takes the first that can be claimed off the list. NULL: none. As weft__waitq_wake_one, where the
 * time goes. */
static weft__always_inline struct weft__party *claim_party(weft_chan *chan, enum weft__chan_way way,
							   const struct weft_thread *self,
							   struct weft__chan_rest *rest)
{
	weft__waitq *queue = &chan->parties[way];
	struct weft__waiter *waiter = queue->first, *next;

	for (; waiter != NULL; waiter = next) {
		struct weft__party *party = container_of(waiter, struct weft__party, waiter);
		struct weft_thread *thread = waiter->thread;
		enum weft__claim claim;

		next = waiter->next;
		if (unlikely(thread == self))
			continue;
		if (unlikely(waiter->prev != NULL))
			waiter->prev->next = next;
		else
			queue->first = next;
		if (next != NULL)
			next->prev = waiter->prev;
		else
			queue->last = waiter->prev;
		waiter->linked = false;
		claim = weft__claim(thread, waiter->ticket, party->code);
		if (unlikely(claim == WEFT__CLAIM_LOST))
			continue;
		rest->party = party;
		rest->woken = likely(claim == WEFT__CLAIM_PARKED) ? thread : NULL;
		return party;
	}
	return NULL;
}

static weft__always_inline int do_send(weft_chan *chan, const struct weft_thread *self,
				       const void *element, struct weft__chan_rest *rest)
{
	const size_t bytes = chan->slots.element_bytes;
	struct weft__party *receiver;

	if (unlikely(chan->is_closed))
		return -EPIPE;
	receiver = claim_party(chan, WEFT__CHAN_RECV, self, rest);
	if (receiver != NULL) {
		weft__slots_copy(receiver->element, element, bytes);
		return 0;
	}
	if (chan->count >= chan->capacity)
		return -EAGAIN;
	if (unlikely(!weft__slots_put(&chan->slots, element, chan->count == 0)))
		return -ENOBUFS;
	count_by(chan, 1);
	return 0;
}

static weft__always_inline int do_recv(weft_chan *chan, const struct weft_thread *self,
				       void *out_element, struct weft__chan_rest *rest)
{
	const size_t bytes = chan->slots.element_bytes;
	struct weft__party *sender;

	if (chan->count != 0) {
		rest->left = weft__slots_take(&chan->slots, out_element);
		/* Who waits to send has its turn now, behind what is there. */
		sender = claim_party(chan, WEFT__CHAN_SEND, self, rest);
		if (sender == NULL) {
			count_by(chan, (size_t)-1);
			return 0;
		}
		weft__slots_put(&chan->slots, sender->element, false);
		return 0;
	}
	sender = claim_party(chan, WEFT__CHAN_SEND, self, rest);
	if (sender != NULL) {
		weft__slots_copy(out_element, sender->element, bytes);
		return 0;
	}
	return chan->is_closed ? -EPIPE : -EAGAIN;
}

static weft__always_inline int do_either(weft_chan *chan, enum weft__chan_way way,
					 const struct weft_thread *self, void *element,
					 struct weft__chan_rest *rest)
{
	return way == WEFT__CHAN_SEND ? do_send(chan, self, element, rest)
				      : do_recv(chan, self, element, rest);
}

int weft__chan_do(weft_chan *chan, enum weft__chan_way way, struct weft_thread *self, void *element,
		  struct weft__chan_rest *rest)
{
	return do_either(chan, way, self, element, rest);
}

bool weft__chan_is_ready(const weft_chan *chan, enum weft__chan_way way,
			 const struct weft_thread *self)
{
	const struct weft__waiter *other = chan->parties[1 - way].first;

	if (chan->is_closed ||
	    (way == WEFT__CHAN_SEND ? chan->count < chan->capacity : chan->count != 0))
		return true;
	while (other != NULL && other->thread == self)
		other = other->next;
	return other != NULL;
}

/* ---- without it */

int weft__chan_grow(weft_chan *chan)
{
	struct weft__chunk *chunk = weft__slots_chunk(&chan->slots);

	if (chunk == NULL)
		return -ENOMEM;
	weft__spin_lock(&chan->lock);
	if (chan->slots.spare == NULL) {
		chan->slots.spare = chunk;
		chunk = NULL;
	}
	weft__spin_unlock(&chan->lock);
	free(chunk);
	return 0;
}

void weft__chan_unlink(weft_chan *chan, enum weft__chan_way way, struct weft_thread *self,
		       struct weft__party *party)
{
	weft__chan_lock(chan, self);
	if (party->waiter.linked)
		weft__waitq_remove(&chan->parties[way], &party->waiter);
	weft__chan_unlock(chan, self);
}

int weft__chan_settle_slow(const struct weft__party *party)
{
	int result;

	for (int rounds = 1; (result = atomic_load_acquire(&party->result)) == WEFT__CHAN_PENDING;
	     rounds++) /* RESULT */
		if (rounds % WEFT__SPIN_ROUNDS == 0)
			weft__sys_thread_yield();
		else
			weft__arch_relax();
	return result;
}

/* With the lock held: claims all of one direction. Returns them, linked by `next`. */
static struct weft__waiter *claim_all(weft_chan *chan, enum weft__chan_way way,
				      struct weft__waiter *claimed, struct weft__wakes *wakes)
{
	struct weft__chan_rest rest = { NULL, NULL, NULL };
	struct weft__party *party;

	while ((party = claim_party(chan, way, NULL, &rest)) != NULL) {
		party->waiter.next = claimed;
		claimed = &party->waiter;
		if (rest.woken != NULL)
			weft__wakes_add(wakes, rest.woken);
	}
	return claimed;
}

void weft_chan_close(weft_chan *chan)
{
	struct weft_thread *self = weft__self();
	struct weft__wakes wakes = { NULL, NULL };
	struct weft__waiter *claimed;

	weft__chan_lock(chan, self);
	chan->is_closed = true;
	claimed = claim_all(chan, WEFT__CHAN_SEND, NULL, &wakes);
	claimed = claim_all(chan, WEFT__CHAN_RECV, claimed, &wakes);
	weft__spin_unlock_for(&chan->lock);
	while (claimed != NULL) {
		struct weft__party *party = container_of(claimed, struct weft__party, waiter);

		claimed = claimed->next;
		/* RESULT: it may be gone after this */
		atomic_store_release(&party->result, -EPIPE);
	}
	weft__wakes_ready(&wakes);
	weft__hold_release(&self->hold);
}

/* ---- one direction of one channel */

/*
 * The usual case of a channel that holds elements: nobody waits, there is room, or an element, and
 * it is of a usual size. Nothing is called, so no register is saved. False: nothing has been done,
 * and the lock is held.
 */
static weft__always_inline bool send_quickly(weft_chan *chan, struct weft_thread *self,
					     const void *element)
{
	unsigned char *tail = chan->slots.tail;
	const size_t count = chan->count, bytes = chan->slots.element_bytes;

	if (unlikely(chan->is_closed || chan->parties[WEFT__CHAN_RECV].first != NULL ||
		     count >= chan->capacity || tail == chan->slots.tail_end))
		return false;
	if (likely(bytes == 8))
		memcpy(tail, element, 8);
	else if (bytes == 16)
		memcpy(tail, element, 16);
	else
		return false;
	chan->slots.tail = tail + bytes;
	atomic_store_relaxed(&chan->count, count + 1);
	weft__chan_unlock(chan, self);
	return true;
}

static weft__always_inline bool recv_quickly(weft_chan *chan, struct weft_thread *self,
					     void *out_element)
{
	unsigned char *head = chan->slots.head;
	const size_t count = chan->count, bytes = chan->slots.element_bytes;

	if (unlikely(count == 0 || chan->parties[WEFT__CHAN_SEND].first != NULL ||
		     head == chan->slots.head_end))
		return false;
	if (likely(bytes == 8))
		memcpy(out_element, head, 8);
	else if (bytes == 16)
		memcpy(out_element, head, 16);
	else
		return false;
	chan->slots.head = head + bytes;
	atomic_store_relaxed(&chan->count, count - 1);
	weft__chan_unlock(chan, self);
	return true;
}

/* The rest: all of them with the lock held, which they release. */

static weft__always_inline int meet_try(weft_chan *chan, enum weft__chan_way way,
					struct weft_thread *self, void *element)
{
	struct weft__chan_rest rest = { NULL, NULL, NULL };
	int code = do_either(chan, way, NULL, element, &rest);

	weft__chan_unlock_and(chan, self, &rest);
	return code;
}

static weft__always_inline int meet(weft_chan *chan, enum weft__chan_way way,
				    struct weft_thread *self, void *element, int64_t deadline_ns)
{
	struct weft__chan_rest rest = { NULL, NULL, NULL };
	struct weft__party party;
	int code = do_either(chan, way, NULL, element, &rest);

	if (code != -EAGAIN) {
		weft__chan_unlock_and(chan, self, &rest);
		return code;
	}
	party.element = element;
	party.code = 0;
	weft__chan_link(chan, way, &party, self, weft__arm(self));
	weft__chan_unlock(chan, self);
	code = weft__park(self, "channel", deadline_ns);
	if (unlikely(code != 0)) {
		weft__chan_unlink(chan, way, self, &party);
		return code;
	}
	return weft__chan_settle(&party);
}

/* Until a chunk is there, which another may have used up meanwhile. */
static weft__noinline int send_growing(weft_chan *chan, struct weft_thread *self, void *element)
{
	int code;

	do {
		code = weft__chan_grow(chan);
		if (code < 0)
			break;
		weft__chan_lock(chan, self);
		code = meet_try(chan, WEFT__CHAN_SEND, self, element);
	} while (code == -ENOBUFS);
	return code;
}

static weft__noinline int send_slowly(weft_chan *chan, struct weft_thread *self, void *element,
				      int64_t deadline_ns)
{
	int code = meet(chan, WEFT__CHAN_SEND, self, element, deadline_ns);

	return likely(code != -ENOBUFS) ? code : send_growing(chan, self, element);
}

static weft__noinline int send_slowly_try(weft_chan *chan, struct weft_thread *self, void *element)
{
	int code = meet_try(chan, WEFT__CHAN_SEND, self, element);

	return likely(code != -ENOBUFS) ? code : send_growing(chan, self, element);
}

static weft__noinline int recv_slowly(weft_chan *chan, struct weft_thread *self, void *out_element,
				      int64_t deadline_ns)
{
	return meet(chan, WEFT__CHAN_RECV, self, out_element, deadline_ns);
}

static weft__noinline int recv_slowly_try(weft_chan *chan, struct weft_thread *self,
					  void *out_element)
{
	return meet_try(chan, WEFT__CHAN_RECV, self, out_element);
}

/* The element is read only, whatever the type says: one code for both directions. */
static weft__always_inline void *read_only(const void *element)
{
	return (void *)(uintptr_t)element;
}

/* Without any the usual case is another. */
static weft__always_inline bool has_slots(const weft_chan *chan)
{
	return chan->capacity != 0;
}

int weft_chan_send(weft_chan *chan, const void *element)
{
	struct weft_thread *self = weft__self();

	weft__chan_lock(chan, self);
	if (has_slots(chan) && send_quickly(chan, self, element))
		return 0;
	return send_slowly(chan, self, read_only(element), WEFT_FOREVER);
}

int weft_chan_send_try(weft_chan *chan, const void *element)
{
	struct weft_thread *self = weft__self();

	weft__chan_lock(chan, self);
	if (has_slots(chan) && send_quickly(chan, self, element))
		return 0;
	return send_slowly_try(chan, self, read_only(element));
}

/* A look at the clock costs more than a meeting: first without. */
int weft_chan_send_until(weft_chan *chan, const void *element, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	int code = weft_chan_send_try(chan, element);

	if (likely(code != -EAGAIN))
		return code;
	if (deadline_ns <= weft__sys_now())
		return -ETIMEDOUT;
	weft__chan_lock(chan, self);
	return send_slowly(chan, self, read_only(element), deadline_ns);
}

int weft_chan_recv(weft_chan *chan, void *out_element)
{
	struct weft_thread *self = weft__self();

	weft__chan_lock(chan, self);
	if (has_slots(chan) && recv_quickly(chan, self, out_element))
		return 0;
	return recv_slowly(chan, self, out_element, WEFT_FOREVER);
}

int weft_chan_recv_try(weft_chan *chan, void *out_element)
{
	struct weft_thread *self = weft__self();

	weft__chan_lock(chan, self);
	if (has_slots(chan) && recv_quickly(chan, self, out_element))
		return 0;
	return recv_slowly_try(chan, self, out_element);
}

int weft_chan_recv_until(weft_chan *chan, void *out_element, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	int code = weft_chan_recv_try(chan, out_element);

	if (likely(code != -EAGAIN))
		return code;
	if (deadline_ns <= weft__sys_now())
		return -ETIMEDOUT;
	weft__chan_lock(chan, self);
	return recv_slowly(chan, self, out_element, deadline_ns);
}
