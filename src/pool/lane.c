/* SPDX-License-Identifier: MIT */
/* Lanes; see lane.h. */
#include "pool/lane.h"

#include "base/panic.h"

/* ---- the table; all with keys.lock held */

static struct weft__lane **bucket_of(weft_pool *pool, uint64_t key)
{
	return &pool->keys.buckets[weft__route_mix(key) % WEFT__KEY_BUCKETS];
}

static struct weft__lane *find(weft_pool *pool, uint64_t key)
{
	struct weft__lane *lane = *bucket_of(pool, key);

	while (lane != NULL && lane->key != key)
		lane = lane->next;
	return lane;
}

/* The task's lane becomes that of its key. */
static struct weft__lane *lend(weft_pool *pool, uint64_t key, struct weft_task *task)
{
	struct weft__lane **bucket = bucket_of(pool, key);
	struct weft__lane *lane = task->spare_lane;

	task->spare_lane = NULL;
	lane->spares = NULL;
	lane->key = key;
	lane->running = 0;
	lane->runner = NULL;
	weft__list_init(&lane->tasks);
	weft__list_init(&lane->ready);
	lane->next = *bucket;
	*bucket = lane;
	return lane;
}

/* The lane that the task comes into: one that there is, or its own. */
static struct weft__lane *join(weft_pool *pool, uint64_t key, struct weft_task *task)
{
	struct weft__lane *lane = find(pool, key);

	if (lane == NULL)
		return lend(pool, key, task);
	task->spare_lane->next = lane->spares;
	lane->spares = task->spare_lane;
	task->spare_lane = NULL;
	return lane;
}

/* The task, which is in the lane no more, has one again. */
static void leave(weft_pool *pool, struct weft__lane *lane, struct weft_task *task)
{
	struct weft__lane **at = bucket_of(pool, lane->key);
	struct weft__lane *spare = lane->spares;

	if (spare != NULL) {
		lane->spares = spare->next;
		task->spare_lane = spare;
		return;
	}
	weft__assert(lane->running == 0 && weft__list_is_empty(&lane->tasks));
	while (*at != lane)
		at = &(*at)->next;
	*at = lane->next;
	task->spare_lane = lane;
}

static void make_ready(struct weft__lane *lane, struct weft__seat *seat)
{
	struct weft_task *first = container_of(lane->tasks.next, struct weft_task, in_lane);

	lane->seat = seat;
	weft__list_push(&seat->lanes[first->level], &lane->ready);
	atomic_store_relaxed(&seat->lane_count, seat->lane_count + 1);
}

static void unready(struct weft__lane *lane)
{
	weft__list_remove(&lane->ready);
	atomic_store_relaxed(&lane->seat->lane_count, lane->seat->lane_count - 1);
}

static struct weft_task *begin_first(weft_pool *pool, struct weft__lane *lane,
				     struct weft_thread *runner)
{
	struct weft_task *task =
		container_of(weft__list_pop(&lane->tasks), struct weft_task, in_lane);

	lane->running++;
	lane->runner = runner;
	atomic_store_relaxed(&pool->keys.count, pool->keys.count - 1);
	weft__task_leave(task, WEFT__TASK_RUNNING);
	return task;
}

/* Who cancels it, for it is in a batch perhaps, finds it without a lane, and waits, or begun. */
static void begin_unqueued(struct weft__lane *lane, struct weft_task *task)
{
	task->lane = lane;
	weft__task_leave(task, WEFT__TASK_RUNNING);
}

/* What waits in the lane may begin now, by that thread: a worker, or a submitter that is in the
 * middle of the lane. */
static bool may_begin(const struct weft__lane *lane, const struct weft_thread *self, bool is_worker)
{
	return !weft__list_is_empty(&lane->tasks) &&
	       (lane->running == 0 ? is_worker : lane->runner == self);
}

/* ---- */

static bool is_queued(const struct weft_task *task)
{
	return WEFT__TASK_STATE(atomic_load_relaxed(&task->state)) == WEFT__TASK_QUEUED;
}

void weft__lane_push(weft_pool *pool, struct weft__seat *seat, struct weft_task *task, uint64_t key)
{
	struct weft__lane *lane;
	bool was_empty;

	weft__spin_lock(&pool->keys.lock);
	lane = join(pool, key, task);
	was_empty = weft__list_is_empty(&lane->tasks);
	task->lane = lane;
	weft__list_push(&lane->tasks, &task->in_lane);
	atomic_store_relaxed(&pool->keys.count, pool->keys.count + 1);
	if (was_empty && lane->running == 0)
		make_ready(lane, seat);
	weft__spin_unlock(&pool->keys.lock);
}

struct weft_task *weft__lane_take(struct weft__worker *worker, struct weft__seat *seat)
{
	weft_pool *pool = worker->pool;
	struct weft_task *task = NULL;
	unsigned mask = 0;

	if (atomic_load_relaxed(&seat->lane_count) == 0)
		return NULL;
	weft__spin_lock(&pool->keys.lock);
	for (unsigned level = 0; level < WEFT_PRIORITY_COUNT && !weft__pool_is_stopped(pool);
	     level++)
		mask |= (unsigned)!weft__list_is_empty(&seat->lanes[level]) << level;
	if (mask != 0) {
		struct weft__list *ready =
			seat->lanes[weft__level_choose(worker->seat->tick, mask)].next;
		struct weft__lane *lane = container_of(ready, struct weft__lane, ready);

		unready(lane);
		task = begin_first(pool, lane, worker->self);
	}
	weft__spin_unlock(&pool->keys.lock);
	return task;
}

struct weft_task *weft__lane_help(struct weft__worker *worker, struct weft_task *task)
{
	weft_pool *pool = task->pool;
	struct weft_thread *self = weft__self();
	struct weft_task *first = NULL;
	struct weft__lane *lane;

	weft__spin_lock(&pool->keys.lock);
	if (is_queued(task)) {
		lane = task->lane; /* NULL: on its way */
		if (lane != NULL && may_begin(lane, self, worker != NULL)) {
			if (lane->running == 0)
				unready(lane);
			first = begin_first(pool, lane, self);
		}
	}
	weft__spin_unlock(&pool->keys.lock);
	return first;
}

bool weft__lane_cancel(struct weft_task *task)
{
	weft_pool *pool = task->pool;
	bool cancelled;

	weft__spin_lock(&pool->keys.lock);
	while (task->lane == NULL && is_queued(task)) { /* on its way */
		weft__spin_unlock(&pool->keys.lock);
		weft_yield(); /* its submitter may be a thread of this very processor */
		weft__spin_lock(&pool->keys.lock);
	}
	cancelled = is_queued(task);
	if (cancelled) {
		struct weft__lane *lane = task->lane;

		weft__list_remove(&task->in_lane);
		atomic_store_relaxed(&pool->keys.count, pool->keys.count - 1);
		weft__task_leave(task, WEFT__TASK_CANCELLED);
		if (weft__list_is_empty(&lane->tasks) && lane->running == 0)
			unready(lane);
		leave(pool, lane, task);
	}
	weft__spin_unlock(&pool->keys.lock);
	return cancelled;
}

void weft__lane_end(struct weft_task *task)
{
	weft_pool *pool = task->pool;
	struct weft__lane *lane = task->lane;
	struct weft__seat *seat = NULL;

	weft__spin_lock(&pool->keys.lock);
	weft__assert(lane->running > 0);
	if (--lane->running == 0 && !weft__list_is_empty(&lane->tasks)) {
		seat = weft__route_key(pool, lane->key);
		make_ready(lane, seat);
	}
	leave(pool, lane, task);
	weft__spin_unlock(&pool->keys.lock);
	if (seat != NULL)
		weft__pool_wake_seat(pool, seat);
}

int weft__lane_run(weft_pool *pool, struct weft__worker *worker, uint64_t key,
		   struct weft_task *task, struct weft_task **out_help)
{
	struct weft_thread *self = weft__self();
	struct weft__lane *lane;
	int error = -EAGAIN;

	*out_help = NULL;
	weft__spin_lock(&pool->keys.lock);
	lane = find(pool, key);
	if (lane == NULL || (lane->runner == self && weft__list_is_empty(&lane->tasks))) {
		lane = join(pool, key, task);
		lane->running++;
		lane->runner = self;
		begin_unqueued(lane, task);
		error = 0;
	} else if (may_begin(lane, self, worker != NULL)) {
		if (lane->running == 0)
			unready(lane);
		*out_help = begin_first(pool, lane, self);
	}
	weft__spin_unlock(&pool->keys.lock);
	return error;
}

int64_t weft__lane_sweep(weft_pool *pool)
{
	int64_t count = 0;

	for (unsigned i = 0; i < WEFT__KEY_BUCKETS; i++) {
		struct weft_task *task;

		do {
			struct weft__lane *lane;

			task = NULL;
			weft__spin_lock(&pool->keys.lock);
			for (lane = pool->keys.buckets[i]; lane != NULL && task == NULL;
			     lane = lane->next)
				if (!weft__list_is_empty(&lane->tasks)) {
					task = container_of(lane->tasks.next, struct weft_task,
							    in_lane);
					weft__task_hold(task);
				}
			weft__spin_unlock(&pool->keys.lock);
			if (task != NULL) {
				if (weft__lane_cancel(task)) {
					atomic_add_relaxed(&pool->cancelled, 1);
					weft__task_end(task, WEFT__TASK_CANCELLED, -ECANCELED);
					count++;
				}
				weft__task_drop(task);
			}
		} while (task != NULL);
	}
	return count;
}
