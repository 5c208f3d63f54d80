/* SPDX-License-Identifier: MIT */
/*
 * Timer wheel; see timer.h. Slots are numbered by time: slot s is [s, s+1) * 16.4 us. A timer of
 * one of the next 1,024 slots is near, at s modulo 1,024. One further off lies at the far level of
 * the highest digit in which s differs from now_slot (after the low 10 bits, 6 bits a level), in
 * the slot that this digit names. So what lies at a far level is later than what lies at the far
 * levels below, and within a level the digits say the order: the next thing to do is at the first
 * near slot or at the first slot of the lowest occupied far level, whose timers then move down.
 */
#include "sched/timer.h"

#include <weft/time.h>

#include "base/panic.h"
#include "sched/thread.h"
#include "sys/spin.h"

#define SCAN_MAX 64
#define AHEAD 6

static unsigned far_shift(unsigned level)
{
	return WEFT__WHEEL_NEAR_BITS + level * WEFT__WHEEL_FAR_BITS;
}

void weft__wheel_init(struct weft__wheel *wheel, int64_t now_ns)
{
	wheel->now_slot = now_ns >> WEFT__WHEEL_SLOT_BITS;
	wheel->next_ns = WEFT_FOREVER;
	for (unsigned i = 0; i < WEFT__WHEEL_NEAR; i++)
		weft__list_init(&wheel->near[i]);
	for (unsigned level = 0; level < WEFT__WHEEL_FAR_LEVELS; level++)
		for (unsigned i = 0; i < WEFT__WHEEL_FAR; i++)
			weft__list_init(&wheel->far[level][i]);
}

/* ---- places */

static struct weft__list *place_at(struct weft__wheel *wheel, uint16_t place, uint64_t **out_word,
				   uint64_t *out_bit)
{
	unsigned level = place >> WEFT__WHEEL_NEAR_BITS;
	unsigned index = place & (WEFT__WHEEL_NEAR - 1);

	*out_bit = UINT64_C(1) << (index & 63);
	if (level == 0) {
		*out_word = &wheel->near_used[index / 64];
		return &wheel->near[index];
	}
	*out_word = &wheel->far_used[level - 1];
	return &wheel->far[level - 1][index];
}

static uint16_t place_of(const struct weft__wheel *wheel, int64_t deadline_ns)
{
	int64_t slot = deadline_ns >> WEFT__WHEEL_SLOT_BITS;
	unsigned level, digit;
	uint64_t differs;

	if (slot < wheel->now_slot)
		slot = wheel->now_slot; /* overdue: at the next look */
	if (slot - wheel->now_slot < (int64_t)WEFT__WHEEL_NEAR)
		return (uint16_t)(slot & (WEFT__WHEEL_NEAR - 1));
	differs = (uint64_t)(slot ^ wheel->now_slot);
	level = (63u - (unsigned)__builtin_clzll(differs) - WEFT__WHEEL_NEAR_BITS) /
		WEFT__WHEEL_FAR_BITS;
	digit = (unsigned)(slot >> far_shift(level)) & (WEFT__WHEEL_FAR - 1);
	return (uint16_t)((level + 1) << WEFT__WHEEL_NEAR_BITS | digit);
}

/*
 * A slot is a list of cold threads, and walking it would be one cache miss after the other. So the
 * one that came AHEAD places before, which is still warm, notes where this one lies, for the walk
 * to fetch early.
 */
static void note_ahead(struct weft__list *slot, const struct weft__timer *timer)
{
	struct weft__list *link = slot;

	for (int i = 0; i < AHEAD; i++)
		link = link->prev;
	if (link != slot)
		container_of(link, struct weft__timer, link)->ahead = timer;
}

static void insert(struct weft__wheel *wheel, struct weft__timer *timer)
{
	uint64_t *word, bit;
	struct weft__list *slot;

	timer->place = place_of(wheel, timer->deadline_ns);
	slot = place_at(wheel, timer->place, &word, &bit);
	note_ahead(slot, timer);
	weft__list_push(slot, &timer->link);
	*word |= bit;
}

static void take_out(struct weft__wheel *wheel, struct weft__timer *timer)
{
	uint64_t *word, bit;
	struct weft__list *slot = place_at(wheel, timer->place, &word, &bit);

	weft__list_remove(&timer->link);
	if (weft__list_is_empty(slot))
		*word &= ~bit;
}

/* ---- the next thing to do */

/* How many slots from now the first occupied near one is. -1: there is none. */
static int first_near(const struct weft__wheel *wheel)
{
	const unsigned words = WEFT__WHEEL_NEAR / 64;
	unsigned now = (unsigned)wheel->now_slot & (WEFT__WHEEL_NEAR - 1);
	uint64_t word = wheel->near_used[now / 64] & (~UINT64_C(0) << (now & 63));

	/* Once round, and the word of now again: its low bits are the last slots. */
	for (unsigned i = 0; i <= words; i++) {
		if (word != 0) {
			unsigned index =
				(now / 64 + i) % words * 64 + (unsigned)__builtin_ctzll(word);

			return (int)((index - now) & (WEFT__WHEEL_NEAR - 1));
		}
		word = wheel->near_used[(now / 64 + i + 1) % words];
	}
	return -1;
}

/* The first occupied slot of the lowest occupied far level. False: all are empty. */
static bool first_far(const struct weft__wheel *wheel, int64_t *out_slot, uint16_t *out_place)
{
	for (unsigned level = 0; level < WEFT__WHEEL_FAR_LEVELS; level++) {
		unsigned shift = far_shift(level);
		unsigned digit;

		if (wheel->far_used[level] == 0)
			continue;
		/* All of them lie after the digit of now. */
		digit = (unsigned)__builtin_ctzll(wheel->far_used[level]);
		*out_slot = ((wheel->now_slot >> shift & ~(int64_t)(WEFT__WHEEL_FAR - 1)) | digit)
			    << shift;
		*out_place = (uint16_t)((level + 1) << WEFT__WHEEL_NEAR_BITS | digit);
		return true;
	}
	return false;
}

/* The slot number at which something is to be done, and where. False: the wheel is empty. */
static bool next_stop(const struct weft__wheel *wheel, int64_t *out_slot, uint16_t *out_place)
{
	int near = first_near(wheel);

	/* At a tie the far one: what it moves down may be due first. */
	if (first_far(wheel, out_slot, out_place) &&
	    (near < 0 || *out_slot <= wheel->now_slot + near))
		return true;
	if (near < 0)
		return false;
	*out_slot = wheel->now_slot + near;
	*out_place = (uint16_t)(*out_slot & (WEFT__WHEEL_NEAR - 1));
	return true;
}

/*
 * The least deadline of a slot; of a crowded one far off, the slot's beginning. A near slot is
 * searched whole: its beginning may have passed, and a sleeper that asks again and again would burn
 * what is left of it.
 */
static int64_t least_deadline(struct weft__wheel *wheel, int64_t slot_number, uint16_t place)
{
	int64_t least_ns = WEFT_FOREVER;
	uint64_t *word, bit;
	unsigned seen = 0;
	struct weft__list *slot = place_at(wheel, place, &word, &bit);

	weft__list_for(link, slot) {
		const struct weft__timer *timer = container_of(link, struct weft__timer, link);

		if (++seen > SCAN_MAX && place >= WEFT__WHEEL_NEAR)
			return slot_number << WEFT__WHEEL_SLOT_BITS;
		if (timer->deadline_ns < least_ns)
			least_ns = timer->deadline_ns;
	}
	return least_ns;
}

/* The next far slot may begin before the next near one and yet hold only what is due later: both
 * are asked. */
static int64_t next_deadline(struct weft__wheel *wheel)
{
	int64_t near_ns = WEFT_FOREVER, far_ns = WEFT_FOREVER;
	int64_t slot_number;
	int near = first_near(wheel);
	uint16_t place;

	if (near >= 0) {
		slot_number = wheel->now_slot + near;
		near_ns = least_deadline(wheel, slot_number,
					 (uint16_t)(slot_number & (WEFT__WHEEL_NEAR - 1)));
	}
	if (first_far(wheel, &slot_number, &place) &&
	    slot_number << WEFT__WHEEL_SLOT_BITS < near_ns)
		far_ns = least_deadline(wheel, slot_number, place);
	return near_ns < far_ns ? near_ns : far_ns;
}

/* ---- firing */

static void fire_one(struct weft__wheel *wheel, struct weft__timer *timer,
		     struct weft__wakes *wakes)
{
	struct weft_thread *thread = container_of(timer, struct weft_thread, timer);

	take_out(wheel, timer);
	atomic_store_relaxed(&wheel->count, wheel->count - 1);
	if (weft__claim(thread, timer->ticket, -ETIMEDOUT) == WEFT__CLAIM_PARKED) {
		thread->next = NULL;
		if (wakes->last != NULL)
			wakes->last->next = thread;
		else
			wakes->first = thread;
		wakes->last = thread;
	}
	/* TIMER: last, for the thread may be running, and goes when it sees this. */
	atomic_store_release(&timer->wheel, NULL);
}

static unsigned fire_slot(struct weft__wheel *wheel, struct weft__list *slot, int64_t now_ns,
			  struct weft__wakes *wakes)
{
	struct weft__list *link = slot->next;
	unsigned fired = 0;

	while (link != slot) {
		struct weft__timer *timer = container_of(link, struct weft__timer, link);

		link = link->next;
		__builtin_prefetch(timer->ahead, 1);
		/* NULL too */
		__builtin_prefetch((const void *)((uintptr_t)timer->ahead - WEFT__CACHE_LINE), 1);
		if (timer->deadline_ns <= now_ns) {
			fire_one(wheel, timer, wakes);
			fired++;
		}
	}
	return fired;
}

static void move_down(struct weft__wheel *wheel, uint16_t place)
{
	struct weft__list moving, *link;
	uint64_t *word, bit;
	struct weft__list *slot = place_at(wheel, place, &word, &bit);

	weft__list_init(&moving);
	weft__list_splice(&moving, slot);
	*word &= ~bit;
	while ((link = weft__list_pop(&moving)) != NULL)
		insert(wheel, container_of(link, struct weft__timer, link));
}

static unsigned advance(struct weft__wheel *wheel, int64_t now_ns, struct weft__wakes *wakes)
{
	int64_t target = now_ns >> WEFT__WHEEL_SLOT_BITS;
	unsigned fired = 0;
	uint64_t *word, bit;
	int64_t stop;
	uint16_t place;

	while (next_stop(wheel, &stop, &place) && stop <= target) {
		wheel->now_slot = stop;
		if (place >= WEFT__WHEEL_NEAR) {
			move_down(wheel, place);
			continue;
		}
		fired += fire_slot(wheel, place_at(wheel, place, &word, &bit), now_ns, wakes);
		if (stop == target)
			return fired; /* what is left in this slot is due within it */
	}
	if (wheel->now_slot < target)
		wheel->now_slot = target;
	return fired;
}

unsigned weft__wheel_fire(struct weft__wheel *wheel, int64_t now_ns, struct weft__wakes *wakes)
{
	unsigned fired;

	if (weft__wheel_next(wheel) > now_ns)
		return 0;
	weft__spin_lock(&wheel->lock);
	fired = advance(wheel, now_ns, wakes);
	atomic_store_relaxed(&wheel->next_ns, next_deadline(wheel));
	weft__spin_unlock(&wheel->lock);
	return fired;
}

int64_t weft__wheel_next(struct weft__wheel *wheel)
{
	return atomic_load_relaxed(&wheel->next_ns);
}

void weft__timer_add(struct weft__wheel *wheel, struct weft_thread *thread, uint64_t ticket,
		     int64_t deadline_ns)
{
	struct weft__timer *timer = &thread->timer;

	weft__assert(timer->wheel == NULL);
	timer->deadline_ns = deadline_ns;
	timer->ticket = ticket;
	weft__spin_lock(&wheel->lock);
	atomic_store_relaxed(&timer->wheel, wheel);
	insert(wheel, timer);
	atomic_store_relaxed(&wheel->count, wheel->count + 1);
	if (deadline_ns < wheel->next_ns)
		atomic_store_relaxed(&wheel->next_ns, deadline_ns);
	weft__spin_unlock(&wheel->lock);
}

void weft__timer_cancel(struct weft_thread *thread)
{
	struct weft__timer *timer = &thread->timer;
	struct weft__wheel *wheel = atomic_load_acquire(&timer->wheel); /* TIMER */

	if (wheel == NULL)
		return;
	weft__spin_lock(&wheel->lock);
	if (timer->wheel != NULL) {
		take_out(wheel, timer);
		atomic_store_relaxed(&wheel->count, wheel->count - 1);
		atomic_store_relaxed(&timer->wheel, NULL);
	}
	weft__spin_unlock(&wheel->lock);
}
