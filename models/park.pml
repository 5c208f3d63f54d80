/* SPDX-License-Identifier: MIT */
/*
 * park.pml: how a thread stops, and how exactly one of several wakers makes it go on
 * (src/sched/park.c, waitq.c, timer.c, switch.c).
 *
 * Thread 0 is light: carriers run it, its successor on the carrier declares it parked.  Thread 1 is a
 * kernel thread: it declares itself parked and sleeps on its wake word.  Both wait some times on
 * one semaphore, with a deadline that may strike at any moment or never.  A poster gives as many units as there
 * are waits.  A canceller holds one ticket, however old; it also holds the record, so that may be touched.
 * A park word is (epoch, state, code); locks are one step where nothing inside matters to others.
 * Locks and compare-and-swap are locked instructions, so store buffers play no part here.
 *
 *   weft__arm           arm            weft__waitq_wake    post, under the queue's lock
 *   weft__claim         claim          weft__wheel_fire    timer, under the wheel's lock
 *   finish, AFTER_PARK  after_park     weft__timer_cancel  cancel_timer
 *
 * Claims
 *   a thread is never twice in a run queue, never run by two carriers, never run before its registers are
 *   saved; a ticket never ends a later wait; nobody touches a record that was freed; every wait ends (no
 *   invalid end state) and no unit is lost: given = taken + left.
 *
 * Broken variants (-D)
 *   PARKED_BEFORE_SWITCH   the thread declares itself parked, then its registers are saved
 *   NO_EPOCH               a claim does not compare the epoch
 *   CLAIM_UNLOCKED         the poster unlinks under the lock and claims after it
 *   ARM_LATE               the thread links itself, then arms
 *   PARK_CAS_IGNORED       the successor does not look whether the thread was notified meanwhile
 *   READY_RUNNING          a waker makes ready also whom it claimed while it still ran
 *   LOST_COUNTS            a poster that lost the claim believes that it gave its unit
 *   NOTIFIED_GOES          a kernel thread that lost its own claim does not wait for its wake word
 *   TIMER_FORGOTTEN        the thread does not take its timer out
 */
#ifndef LIGHT_WAITS
#define LIGHT_WAITS	2
#endif
#ifndef KERNEL_WAITS
#define KERNEL_WAITS	0
#endif
#define CARRIERS 2
#define LIGHT	0
#define KERNEL	1

mtype = { running, armed, parked, notified };
mtype = { posted, timed_out, cancelled };
mtype = { lost, won_running, won_parked };

/* the threads' records */
byte epoch[2];
mtype state[2], code[2];
byte rounds[2];			/* waits done */
bit linked[2];			/* in the semaphore's queue; the light one is before the kernel one */
byte ticket[2];			/* in the queue's waiter, and in the timer */
bit timer_set[2];
bit freed[2];
bit wake_word;			/* the kernel thread's */

bit queue_lock, wheel_lock;
byte units, given, taken;	/* the semaphore; ghosts */

/* the light thread as a carrier sees it */
bit saved = 1;			/* its registers */
byte in_queue = 1, on_cpu;	/* ghosts: in a run queue; run by carriers */
bit parking;			/* where it goes on: 1: after weft__park */
bit over[2], all_given;

inline lock(l)
{
	atomic { !l -> l = 1 }
}

inline claim(t, tick, how, result)
{
	if
#ifdef NO_EPOCH
	:: atomic { state[t] == armed -> state[t] = notified; code[t] = how; assert(epoch[t] == tick) } result = won_running
	:: atomic { state[t] == parked -> state[t] = notified; code[t] = how; assert(epoch[t] == tick) } result = won_parked
#else
	:: atomic { state[t] == armed && epoch[t] == tick -> state[t] = notified; code[t] = how } result = won_running
	:: atomic { state[t] == parked && epoch[t] == tick -> state[t] = notified; code[t] = how } result = won_parked
#endif
	:: else -> result = lost
	fi
}

inline enqueue()
{
	atomic { assert(in_queue == 0 && on_cpu == 0); in_queue++ }
}

inline ready_light(result)
{
	if
	:: result == won_parked -> enqueue()
#ifdef READY_RUNNING
	:: result == won_running -> enqueue()
#else
	:: result == won_running
#endif
	:: result == lost
	fi;
	result = lost
}

inline ready_kernel(result)
{
	if
	:: result == won_parked -> assert(!freed[KERNEL]); wake_word = 1
	:: else
	fi;
	result = lost
}

inline arm(t)
{
	epoch[t] = epoch[t] + 1;
	state[t] = armed
}

/* The semaphore's wait up to the park. `have`: no need to wait. */
inline wait_begin(t, have)
{
	lock(queue_lock);
	if
	:: units > 0 -> units--; taken++; have = 1
	:: else ->
#ifdef ARM_LATE
		linked[t] = 1;
		ticket[t] = epoch[t] + 1;
		queue_lock = 0;
		arm(t);
		lock(queue_lock)
#else
		arm(t);
		linked[t] = 1;
		ticket[t] = epoch[t]
#endif
	fi;
	queue_lock = 0;
	if
	:: !have -> lock(wheel_lock); timer_set[t] = 1; wheel_lock = 0
	:: else
	fi
}

/* And from there on. */
inline wait_end(t)
{
#ifndef TIMER_FORGOTTEN
	lock(wheel_lock);
	timer_set[t] = 0;
	wheel_lock = 0;
#endif
	assert(state[t] == notified);
	if
	:: code[t] == posted -> taken++
	:: else ->
		lock(queue_lock);
		linked[t] = 0;
		queue_lock = 0
	fi;
	state[t] = running
}

inline leave(t)
{
	over[t] = 1;
	freed[t] = 1
}

/* ---- carriers, for the light thread */

inline after_park()
{
	saved = 1;
#ifndef PARKED_BEFORE_SWITCH
	on_cpu--;
	if
	:: atomic { state[LIGHT] == armed -> state[LIGHT] = parked }
#ifdef PARK_CAS_IGNORED
	:: else
#else
	:: else -> enqueue()
#endif
	fi
#endif
}

proctype carrier()
{
	bit have;

end:	do
	:: atomic { in_queue > 0 -> in_queue--; assert(saved && on_cpu == 0); on_cpu++; saved = 0 }
		if
		:: parking -> parking = 0; wait_end(LIGHT); rounds[LIGHT]++
		:: else
		fi;
		do
		:: rounds[LIGHT] == LIGHT_WAITS -> leave(LIGHT); on_cpu--; saved = 1; break
		:: else ->
			wait_begin(LIGHT, have);
			if
			:: have -> have = 0; rounds[LIGHT]++
			:: else ->
				parking = 1;
#ifdef PARKED_BEFORE_SWITCH
				if
				:: atomic { state[LIGHT] == armed -> state[LIGHT] = parked; on_cpu-- } after_park(); break
				:: else -> parking = 0; wait_end(LIGHT); rounds[LIGHT]++
				fi
#else
				after_park();
				break
#endif
			fi
		od
	:: over[LIGHT] -> break
	od
}

/* ---- the kernel thread */

proctype kernel_thread()
{
	bit have;

	do
	:: rounds[KERNEL] == KERNEL_WAITS -> break
	:: else ->
		wait_begin(KERNEL, have);
		if
		:: have -> have = 0
		:: else ->
			wake_word = 0;
			if
			:: atomic { state[KERNEL] == armed -> state[KERNEL] = parked }
				if
				:: wake_word
				:: true ->			/* the futex timed out */
					if
					:: atomic { state[KERNEL] == parked -> state[KERNEL] = notified; code[KERNEL] = timed_out }
#ifdef NOTIFIED_GOES
					:: else
#else
					:: else -> wake_word
#endif
					fi
				fi
			:: else
			fi;
			wait_end(KERNEL)
		fi;
		rounds[KERNEL]++
	od;
	leave(KERNEL)
}

/* ---- wakers */

proctype poster()
{
	byte n, t;
	byte tick;
	mtype result = lost;
	bit gave;

	do
	:: n == LIGHT_WAITS + KERNEL_WAITS -> break
	:: else ->
		n++;
		given++;
		lock(queue_lock);
		gave = 0;
		do
		:: gave -> break
		:: !gave && !linked[LIGHT] && !linked[KERNEL] -> units++; t = 2; break
		:: !gave && (linked[LIGHT] || linked[KERNEL]) ->
			t = (linked[LIGHT] -> LIGHT : KERNEL);
			linked[t] = 0;
			tick = ticket[t];
#ifdef CLAIM_UNLOCKED
			queue_lock = 0;
			assert(!freed[t]);
			claim(t, tick, posted, result);
			lock(queue_lock);
#else
			assert(!freed[t]);
			claim(t, tick, posted, result);
#endif
#ifdef LOST_COUNTS
			gave = 1
#else
			gave = (result != lost)
#endif
		od;
		queue_lock = 0;
		if
		:: t == LIGHT -> ready_light(result)
		:: t == KERNEL -> ready_kernel(result)
		:: else
		fi;
		tick = 0;
		t = 0
	od;
	all_given = 1
}

proctype timer()
{
	byte t;
	mtype result = lost;

end:	do
	:: timer_set[LIGHT] || timer_set[KERNEL] ->
		lock(wheel_lock);
		if
		:: timer_set[LIGHT] -> t = LIGHT; timer_set[t] = 0; assert(!freed[t]); claim(t, ticket[t], timed_out, result)
		:: timer_set[KERNEL] -> t = KERNEL; timer_set[t] = 0; assert(!freed[t]); claim(t, ticket[t], timed_out, result)
		:: else
		fi;
		wheel_lock = 0;
		if
		:: t == LIGHT -> ready_light(result)
		:: t == KERNEL -> ready_kernel(result)
		fi;
		t = 0
	:: break					/* no deadline strikes any more */
	od
}

proctype canceller()
{
	byte tick;
	mtype result = lost;

end:	atomic { state[LIGHT] == armed -> tick = epoch[LIGHT] }
	claim(LIGHT, tick, cancelled, result);
	ready_light(result)
}

init {
	byte i;

	atomic {
		state[0] = running;
		state[1] = running;
		do
		:: i < CARRIERS -> run carrier(); i++
		:: else -> break
		od;
		run kernel_thread();
		run poster();
		run timer();
		run canceller()
	}
	over[LIGHT] && over[KERNEL] && all_given;
	assert(given == taken + units && in_queue == 0)
}
