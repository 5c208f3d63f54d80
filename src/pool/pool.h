/* SPDX-License-Identifier: MIT */
/*
 * The objects of a pool.
 *
 *   seat     the right to run tasks, with the state that goes with it: queues, credit. As many as
 *   the pool has workers for its user; routing
 *            chooses among them. Held by one worker at a time, or by none: then it is idle
 *   worker   a thread, kernel, user or light. It holds a seat, or rests (parked, to be given one),
 *   or is between: in a task that
 *            waits or blocks, and gave its seat up so that another worker goes on with it
 *
 * The two are apart because a worker can be stuck while its seat must not be. A worker that comes
 * back from its wait takes an idle seat if there is one, and otherwise runs its task to the end
 * without: it may not wait for a seat, since whoever holds one may wait for a lock that this task
 * has.
 *
 * A worker may be a thread that is switched away by force, anywhere but under a spin lock, in a
 * biased queue (jobs.h), and in the engine. What is the worker's own, or whoever's that holds the
 * seat, is read and written by that one thread at any time, so that it was away in between changes
 * nothing; nobody spins for it. Who has taken its seat from it has done so under the protocol of
 * grip.h. Loops that wait for what another thread does without a lock give way with weft_yield.
 *
 * Locks, in the order in which they are taken:
 *
 *	shared.lock -> inbox.lock -> own queue of a seat
 *	a grip's guard -> pool->lock (nothing else inside but claims)
 *	a batch's or a task's waiters.lock (nothing inside but claims)
 */
#ifndef WEFT_POOL_POOL_H
#define WEFT_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/pool.h>
#include <weft/time.h>

#include "base/list.h"
#include "pool/grip.h"
#include "pool/jobs.h"
#include "sched/thread.h"

#define WEFT__POOL_WORKERS_MAX 4096u
#define WEFT__POOL_THREADS_MAX 16384u
#define WEFT__POOL_FAIR_EVERY 32u /* one take in so many looks at the lower levels first */
#define WEFT__POOL_MOVE_MAX 4096u /* jobs that move from queue to queue at once */

/* ---- a task with a record: one with a handle, or in a batch */

/* Legend: the low two bits say how far it is. QUEUED -> RUNNING and QUEUED -> CANCELLED under the
 * lock of the queue where it lies; RUNNING ->
 * DONE by its runner. TOLD: set by a canceller while it runs. WAITED: set under waiters.lock while
 * it has not ended; whoever ends it then looks for waiters. */
#define WEFT__TASK_QUEUED 0u
#define WEFT__TASK_RUNNING 1u
#define WEFT__TASK_DONE 2u
#define WEFT__TASK_CANCELLED 3u
#define WEFT__TASK_STATE(word) ((word)&3u)
#define WEFT__TASK_ENDED(word) (((word)&2u) != 0)
#define WEFT__TASK_TOLD 4u
#define WEFT__TASK_WAITED 8u

struct weft_task {
	/* constant; gone when the task has ended and the pool was destroyed */
	weft_pool *pool;
	struct weft__task_store *store; /* constant */
	weft_batch *batch;              /* constant; NULL: none */
	/* atomic: that runs it, see frame.h; NULL: none yet, or no worker */
	struct weft__worker *worker;
	uint32_t state;           /* atomic, see above */
	uint32_t references;      /* atomic: whoever runs or queues it, the handle, helpers */
	int result;               /* before the end: its runner's */
	struct weft__jobs *queue; /* atomic: where it lies; written under that queue's lock */
	/* guarded by that queue's lock */
	struct weft__chunk *chunk;
	uint16_t index;
	uint8_t level;           /* in a lane: constant */
	weft_function *function; /* constant, with arg */
	void *arg;
	bool has_key; /* constant: its pool is one by key */
	/* guarded by keys.lock */
	struct weft__lane *lane;       /* NULL: not in a pool by key */
	struct weft__lane *spare_lane; /* in a pool by key, and in no lane: one to lend */
	struct weft__list in_lane;
	/* guarded by batch->waiters.lock */
	struct weft__list in_batch;
	struct weft__waitq waiters;
	struct weft_task *next; /* in the store's list */
};

/* Records; lives on after the pool while handles are out. */
struct weft__task_store {
	bool has_keys; /* constant: each record has a lane */
	uint32_t lock;
	/* guarded by lock */
	struct weft_task *free;
	struct weft__task_block *blocks;
	size_t out;    /* records in use */
	bool closed;   /* the pool ends: its tasks have ended, and it must not be looked at */
	bool orphaned; /* the pool is gone: the last record takes the store along */
};

struct weft_batch {
	weft__waitq waiters;
	/* guarded by waiters.lock */
	uint64_t pending;         /* submitted, not ended */
	int error;                /* the first one of this round */
	bool reported;            /* a waiter has returned: the next submit begins a new round */
	struct weft__list queued; /* tasks that were not seen begun */
	struct weft__list begun;
};

/* ---- who runs them */

struct weft__seat {
	/* whoever holds the seat */
	unsigned index; /* constant */
	unsigned tick;  /* takes, for fairness */
	unsigned thin;  /* how often in a row it found little in the shared queue */
	/* guarded by own's lock */
	/* jobs that may be queued without asking the pool for room; atomic for readers */
	int64_t credit;
	/* what its tasks submit, in a shared pool; biased to the holder */
	struct weft__jobs own weft__aligned(WEFT__CACHE_LINE);
	struct weft__jobs inbox weft__aligned(WEFT__CACHE_LINE); /* what was routed to it */
	/* guarded by keys.lock */
	struct weft__list lanes[WEFT_PRIORITY_COUNT]; /* ready ones */
	uint32_t lane_count;                          /* atomic for readers */
	/* guarded by pool->lock */
	struct weft__list idle;    /* in pool->idle_seats */
	struct weft__worker *home; /* the worker that gets it when it rests; NULL: any */
	bool is_held;              /* by a worker */
	bool is_vacated;           /* given up by a worker in a task */
	uint32_t is_idle;          /* atomic for readers: in the list */
	uint32_t is_running;       /* atomic: a task runs on it */
};

struct weft__worker {
	struct weft__grip grip; /* first, and never given back */
	/* the worker's own, inside its grip; while it rests, the waker's; under pool->lock that of
	 * who has taken the seat */
	struct weft__seat *seat; /* NULL: none */
	bool searching;          /* counted in pool->searching */
	bool end;                /* end instead of going on */
	/* the worker's own */
	/* atomic: of the innermost task with a record that it runs, or one within another */
	struct weft__frame *frame;
	unsigned away; /* depth of waits and blocking calls; at 0 it may hold a seat */
	/* atomic: the worker writes */
	uint64_t submitted, completed, cancelled, run_here, stolen;
	uint32_t depth; /* tasks on its stack */
	/* constant */
	weft_pool *pool;
	weft_thread *thread; /* the handle, to join it */
	/* guarded by pool->lock */
	struct weft_thread *self; /* as it parked */
	uint64_t ticket;
	bool is_spare;   /* started without a seat: counted in `starting` until it has rested */
	bool has_rested; /* at least once, or it was started with a seat */
	bool resting;
	struct weft__seat *home; /* whose home it is */
	struct weft__list rest;  /* in pool->resting */
	struct weft__list all;   /* in pool->workers_all */
	struct weft__worker *next_dead;
} weft__aligned(WEFT__CACHE_LINE);

/* Legend of pool->attention: why a worker must look further before it takes its next task. Changed
 * under shared.lock; a stale value is legal: the next look sees it. */
#define WEFT__ATTENTION_STOP 1u    /* take nothing; queued tasks are cancelled */
#define WEFT__ATTENTION_URGENT 2u  /* tasks of high priority wait in the shared queue */
#define WEFT__ATTENTION_ROOM 4u    /* submitters wait for room: give credit back at once */
#define WEFT__ATTENTION_RESIZED 8u /* there are seats beyond the limit */
#define WEFT__ATTENTION_CLOSED 16u /* draining: nothing from outside */

#define WEFT__KEY_BUCKETS 1024u

/* In a pool by key; see lane.h */
struct weft__keys {
	uint32_t lock;
	/* guarded by lock */
	struct weft__lane **buckets;
	size_t count; /* atomic for readers: tasks that wait */
};

struct weft_pool {
	/* constant, or seldom written */
	weft_route route;
	weft_pool_full when_full;
	weft_kind kind;
	weft_route_function *route_function;
	void *route_arg;
	int64_t idle_ns;
	size_t stack_bytes;
	weft_sched *sched;     /* of light and user workers */
	weft_sched *own_sched; /* the same if it is the pool's own; NULL: not */
	/* there is a queue_max; otherwise every seat has credit without end */
	bool limited;
	int64_t credit_block; /* that a seat takes at once */
	int64_t credit_max;   /* that a seat gives some of back */
	struct weft__task_store *store;
	char name[WEFT__NAME_BYTES];
	/* atomic: WEFT__POOL_WORKERS_MAX places; never taken away before the end */
	struct weft__seat **seats;
	unsigned seat_count; /* atomic: made so far */
	unsigned limit;      /* atomic: seats with a lower index are in use */
	unsigned workers;    /* atomic: threads that stay */
	/* atomic: seats that are routed to: workers, and more while an elastic pool is large */
	unsigned width;
	bool is_elastic;
	uint32_t attention; /* atomic, see above */

	/* The idle protocol; see seat.c */
	uint32_t idle weft__aligned(WEFT__CACHE_LINE); /* atomic: seats that nobody holds */
	/* atomic: workers that look for work, and the wake that is under way */
	uint32_t searching;

	uint64_t cancelled weft__aligned(WEFT__CACHE_LINE);
	uint64_t run_outside, done_outside; /* atomic, all three: what no worker counted */

	struct weft__keys keys weft__aligned(WEFT__CACHE_LINE);
	struct weft__chunk_store chunks weft__aligned(WEFT__CACHE_LINE);

	/* What comes from outside. */
	struct weft__jobs shared weft__aligned(WEFT__CACHE_LINE);
	/* guarded by shared.lock */
	/* atomic for readers: tasks that may still be queued, without the seats' credit */
	int64_t room;
	uint64_t submitted, refused;
	uint64_t turn;            /* round robin */
	unsigned drains;          /* under way */
	weft__waitq room_waiters; /* its lock inside shared.lock */

	uint32_t lock weft__aligned(WEFT__CACHE_LINE);
	/* guarded by lock */
	struct weft__list idle_seats;  /* of index < limit */
	struct weft__list resting;     /* workers, most recently parked first */
	struct weft__list workers_all; /* not ended */
	unsigned threads;              /* in workers_all, and those that start */
	/* of them, without a seat and yet to rest for the first time */
	unsigned starting;
	unsigned away; /* workers without a seat, in a task */
	/* workers that do not rest, submitters that run a task, and who cancels one */
	unsigned busy;
	bool ending; /* workers end */
	bool resizing;
	struct weft__worker *dead; /* ended, to be joined */
	/* struct weft__pool_waiter: for the pool to be drained, or its workers to have ended */
	struct weft__list waiters;
	struct weft__list outside; /* struct weft__outside_run */
	uint64_t replaced;
	/* of workers that ended */
	uint64_t past_submitted, past_completed, past_cancelled, past_run_here, past_stolen;
};

/* Under a queue's lock: once that queue is swept, it says so for good. */
static inline bool weft__pool_is_stopped(const weft_pool *pool)
{
	return (atomic_load_relaxed(&pool->attention) & WEFT__ATTENTION_STOP) != 0;
}

/* ---- worker.c */
extern const struct weft__blocking_table weft__pool_blocking_table;

/* The worker that the calling thread is; NULL: none. */
static inline struct weft__worker *weft__worker_self(void)
{
	struct weft_thread *self = weft__arch_self();

	if (self == NULL || self->blocking_table != &weft__pool_blocking_table)
		return NULL;
	return self->blocking_arg;
}

/* Starts the thread of a worker that the caller has counted. seat: what it holds from the start;
 * NULL: it rests. home: NULL: none. */
int weft__worker_start(weft_pool *pool, struct weft__seat *seat, struct weft__seat *home,
		       bool searching);
void weft__worker_join_dead(struct weft__worker *dead);
void weft__worker_run(struct weft__worker *worker, weft_function *function, void *arg);
/* Whether the rest of its stack is enough for a task within a task. */
bool weft__worker_has_stack(const struct weft__worker *worker);

/* ---- take.c */
/* of the levels that are not empty, at that take */
unsigned weft__level_choose(unsigned tick, unsigned mask);
bool weft__take(struct weft__worker *worker, struct weft__job *out_job);
bool weft__search(struct weft__worker *worker, struct weft__job *out_job);
bool weft__pool_has_work(weft_pool *pool);
bool weft__seat_has_work(const struct weft__seat *seat);

/* ---- seat.c */
bool weft__worker_rest(struct weft__worker *worker); /* false: the worker shall end */
/* one that rests; with pool->lock held */
void weft__worker_dismiss(struct weft__worker *worker, struct weft__wakes *wakes);
void weft__search_done(struct weft__worker *worker);
/* wakes whom the queues ask for, as if every job had just been put there */
void weft__pool_look(weft_pool *pool);
void weft__pool_wake_slow(weft_pool *pool);
void weft__pool_wake_seat(weft_pool *pool, struct weft__seat *seat);
void weft__seat_give_up(struct weft__worker *worker); /* in a task that will wait */
void weft__seat_regain(struct weft__worker *worker);
/* these six with pool->lock held */
void weft__seat_vacate(struct weft__worker *worker); /* its worker does not rest */
/* an idle one, if that keeps nobody's tasks waiting */
void weft__seat_take_back(struct weft__worker *worker);
void weft__seat_settle(struct weft__seat *seat, struct weft__worker *worker);
void weft__seat_add_idle(weft_pool *pool, struct weft__seat *seat);
void weft__seat_drop(weft_pool *pool, struct weft__seat *seat);
void weft__seat_remove_idle(weft_pool *pool, struct weft__seat *seat);

static inline void weft__pool_wakes_add(struct weft__wakes *wakes, struct weft_thread *thread)
{
	thread->next = NULL;
	if (wakes->last != NULL)
		wakes->last->next = thread;
	else
		wakes->first = thread;
	wakes->last = thread;
}

/* After a job was put into the shared queue or the caller's own one. */
static inline void weft__pool_wake(weft_pool *pool)
{
	weft__sys_light_barrier(); /* IDLE: work before idle; see seat.c */
	if (unlikely(atomic_load_relaxed(&pool->idle) != 0) &&
	    atomic_load_relaxed(&pool->searching) == 0)
		weft__pool_wake_slow(pool);
}

/* ---- room.c; with shared.lock held, except flush and wait */
bool weft__room_take(weft_pool *pool);          /* for one job; false: there is none */
int64_t weft__room_take_block(weft_pool *pool); /* credit for a seat; 0: there is none */
void weft__room_give(weft_pool *pool, int64_t count, struct weft__wakes *wakes);
void weft__room_wake_all(weft_pool *pool, struct weft__wakes *wakes);
/* drops the lock; 0, -ETIMEDOUT, -ECANCELED */
int weft__room_wait(weft_pool *pool, int64_t deadline_ns);
void weft__room_flush(weft_pool *pool, struct weft__seat *seat); /* by the seat's holder */
void weft__pool_attention(weft_pool *pool, uint32_t set, uint32_t clear);

/* With the seat's own queue entered: a queued job begins, so there is room for another. True:
 * weft__room_flush, after that. */
static inline bool weft__credit_add(weft_pool *pool, struct weft__seat *seat)
{
	int64_t credit = seat->credit + 1;

	atomic_store_relaxed(&seat->credit, credit);
	weft__sys_light_barrier(); /* ROOM */
	return credit >= pool->credit_max ||
	       (atomic_load_relaxed(&pool->attention) & WEFT__ATTENTION_ROOM) != 0;
}

/* ---- route.c */
struct weft__seat *weft__route(weft_pool *pool, uint64_t key); /* with shared.lock held */
/* The program's function, which may do as it likes: with no lock held. */
unsigned weft__route_ask(weft_pool *pool, uint64_t key);
struct weft__seat *weft__route_key(weft_pool *pool, uint64_t key);
uint64_t weft__route_mix(uint64_t key);

/* ---- task.c */
struct weft__task_store *weft__task_store_create(bool has_keys);
void weft__task_store_close(struct weft__task_store *store);
struct weft_task *weft__task_store_take(struct weft__task_store *store); /* NULL: no memory */
void weft__task_store_orphan(struct weft__task_store *store);
struct weft_task *weft__task_create(weft_pool *pool, weft_function *function, void *arg,
				    weft_batch *batch, bool has_handle); /* NULL: no memory */
void weft__task_hold(struct weft_task *task);
void weft__task_drop(struct weft_task *task);
/* With the lock of its queue held: it leaves the queue as RUNNING or CANCELLED. */
void weft__task_leave(struct weft_task *task, uint32_t state);
/* Gives up the runner's reference. */
void weft__task_end(struct weft_task *task, uint32_t state, int result);
/* Runs a task that nobody has begun, or what must run before it. worker NULL, or another pool's:
 * only in a submitter that runs a task of the same key, as nobody else may run what waits in its
 * lane. False: nothing was run. */
bool weft__task_help(struct weft__worker *worker, struct weft_task *task);
/* Runs one that was taken out of a lane; worker NULL: in a submitter that is in the middle of that
 * lane. */
void weft__task_run_queued(struct weft__worker *worker, struct weft_task *task);
/* Runs one that has begun, in a submitter. */
void weft__task_run_outside(struct weft_task *task);
/* Tells a running one to end, and ends its waits. False: it does not run. Takes no lock of the
 * pool's; none of a batch's or a task's is held. */
bool weft__task_tell(struct weft_task *task);

static inline struct weft_task *weft__job_task(const struct weft__job *job)
{
	return unlikely(job->function == weft__task_run) ? job->arg : NULL;
}

/* ---- batch.c */
void weft__batch_add(weft_batch *batch, struct weft_task *task);
void weft__batch_undo(weft_batch *batch, struct weft_task *task); /* it was not queued */
void weft__batch_end(weft_batch *batch, struct weft_task *task, int result);

/* ---- stop.c */
struct weft__pool_waiter {
	struct weft__list link;
	struct weft_thread *thread;
	uint64_t ticket;
};
struct weft__outside_run {
	struct weft__list link;
	struct weft_thread *thread;
};
/* with pool->lock held; busy or threads became 0 */
void weft__pool_tell_idle(weft_pool *pool, struct weft__wakes *wakes);
void weft__pool_end(weft_pool *pool);
bool weft__pool_is_inside(weft_pool *pool); /* the caller runs a task of the pool */
/* Takes a `busy` back that kept the pool from being drained, and from ending. */
void weft__pool_let_go(weft_pool *pool);

#endif
