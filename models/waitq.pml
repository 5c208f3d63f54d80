/* SPDX-License-Identifier: MIT */
/*
 * waitq.pml: the wait queue.  The claim decides between wakers, deadline and cancellation; what was meant for one that
 * has lost goes to the next (src/sched/waitq.h, waitq.c; park.h).
 *
 * Threads wait once each on one semaphore, first come, first served, with a deadline that may strike at any moment or
 * never; a canceller may claim the first.  Posters give one unit each.  How a thread stops and what its ticket is
 * good for: park.pml; here a park word is its state and code, and who finds itself claimed when it comes to park does
 * not.  Who cancels when: cancel.pml.
 * A waiter is on its thread's stack and goes when the wait returns.  The semaphore is on a stack too, and goes when all
 * have returned and all units were taken, unless SETTLES is 0: then it stays, and who was woken does not look at its
 * lock again.
 * Locks and compare-and-swap are locked instructions, and all but the park word is under the lock, so store buffers play
 * no part.
 *
 *   weft__waitq_arm        arm                  weft__waitq_wake     wake, under the lock
 *   weft__waitq_add        link, under the lock weft__wakes_ready    ready, after it
 *   weft__waitq_disarm     disarm               weft__wheel_fire     deadline
 *   weft__waitq_park       park, and_unlink     weft__sync_settle    settle
 *
 * Claims
 *   no unit is lost or made: given = taken + left, and at rest none is left while somebody waits;
 *   who was claimed PARKED is made ready once, who was claimed ARMED never, and each goes on with the code of who claimed it;
 *   nobody touches a waiter, or the semaphore, that is gone; none is taken out of the queue twice.
 *
 * Broken variants (-D)
 *   LOST_COUNTS      a poster that lost the claim believes that it gave its unit
 *   NOT_UNLINKED     who was claimed by its deadline or a cancellation returns without the lock
 *   UNLINK_BLIND     it takes itself out without a look whether a waker has done so
 *   LOOK_OUTSIDE     whether there is a unit is decided before the lock is taken
 *   PUT_OUTSIDE      a poster sees under the lock that nobody waits, and puts its unit there after it
 *   TOUCHED_AFTER    a waker claims the waiter, and then takes it out
 *   READY_RUNNING    a waker makes ready also whom it claimed while it still ran
 *   NO_SETTLE        who was woken before it parked gives the semaphore away while its waker has the lock
 */
#ifndef WAITERS
#define WAITERS	2
#endif
#ifndef POSTS
#define POSTS	2
#endif
#ifndef SETTLES
#define SETTLES	1
#endif

mtype = { running, armed, parked, notified };
mtype = { posted, timed_out, cancelled };

/* the threads' records */
mtype state[WAITERS] = running, code[WAITERS];
bit timer_set[WAITERS];
bit go[WAITERS];		/* made ready */
bit asleep[WAITERS];		/* ghost: it will not go on but by that */

bit has_frame[WAITERS];		/* the waiter is there */
chan queue = [WAITERS] of { byte };
bit lock_word;
byte units;
bit is_gone;			/* the semaphore */
byte given, taken, returned;	/* ghosts */
byte posted_all;

#define touch()	assert(!is_gone)

inline lock()
{
	atomic { !lock_word -> touch(); lock_word = 1 }
}

inline unlock()
{
	atomic { touch(); lock_word = 0 }
}

/* won: 1: while it ran; 2: parked; 0: lost */
inline claim(t, how)
{
	if
	:: state[t] == armed -> won = 1; state[t] = notified; code[t] = how
	:: state[t] == parked -> won = 2; state[t] = notified; code[t] = how
	:: else -> won = 0
	fi
}

inline ready(t)
{
	atomic {
		if
		:: won == 2 -> assert(asleep[t] && !go[t]); go[t] = 1
#ifdef READY_RUNNING
		:: won == 1 -> assert(asleep[t] && !go[t]); go[t] = 1
#endif
		:: else
		fi;
		won = 0
	}
}

inline leave(me)
{
	d_step {
		has_frame[me] = 0;
		state[me] = running;
		returned++;
#if SETTLES || defined NO_SETTLE
		/* the last one gives it back: nobody will post any more, for all that was given was taken */
		is_gone = (returned == WAITERS && taken == POSTS)
#endif
	}
}

proctype waiter(byte me)
{
	bit have;

	atomic { has_frame[me] = 1; state[me] = armed }		/* arm */
#ifdef LOOK_OUTSIDE
	have = (units > 0);
	lock();
	if
	:: have -> atomic { units > 0 -> units-- }	/* (never) */
#else
	lock();
	if
	:: units > 0 -> have = 1; units--
#endif
	:: else -> atomic { queue!me }		/* link */
	fi;
	unlock();
	if
	:: have ->
		taken++;
		leave(me);			/* disarm: perhaps over a canceller's claim */
		goto over
	:: else
	fi;
	timer_set[me] = 1;
	if					/* park */
	:: atomic { state[me] == armed -> state[me] = parked; asleep[me] = 1 }
end_parked:	atomic { go[me] -> go[me] = 0; asleep[me] = 0 }
	:: else
	fi;
	timer_set[me] = 0;
	assert(state[me] == notified);
	if
	:: code[me] == posted ->
		taken++;
#if SETTLES && !defined NO_SETTLE
		if				/* settle */
		:: atomic { touch(); !lock_word }
		fi
#endif
	:: else ->				/* and_unlink */
#ifndef NOT_UNLINKED
		lock();
		atomic {
#ifdef UNLINK_BLIND
			assert(queue??[eval(me)]);
#endif
			if
			:: queue??[eval(me)] -> queue??eval(me)
			:: else
			fi
		}
		unlock()
#endif
	fi;
	leave(me);
over:	skip
}

/* Takes the first out that can be claimed. gave: there was one. */
inline wake(how)
{
	do
	:: gave || empty(queue) -> break
	:: !gave && nempty(queue) ->
		queue?<t>;
		assert(has_frame[t]);
#ifdef TOUCHED_AFTER
		atomic { claim(t, how); gave = (won != 0) }
		atomic { assert(has_frame[t]); queue?t }
#else
		queue?t;
		atomic { claim(t, how); gave = (won != 0) }
#endif
#ifdef LOST_COUNTS
		gave = 1
#endif
	od
}

proctype poster()
{
	byte t, won;
	bit gave;

	atomic { !lock_word -> touch(); lock_word = 1; given++ }
	wake(posted);
	if
#ifdef PUT_OUTSIDE
	:: !gave -> unlock(); units++
	:: else -> unlock()
#else
	:: !gave -> units++; unlock()
	:: else -> unlock()
#endif
	fi;
	atomic {
		if
		:: gave -> ready(t)
		:: else
		fi;
		posted_all++;
		t = 0
	}
}

/* Deadlines of all; none need strike.  Under the wheel's lock, so one step: the thread takes its timer out. */
proctype deadline(byte t)
{
	byte won;

	if
	:: atomic { timer_set[t] -> timer_set[t] = 0; claim(t, timed_out) }
		ready(t)
	:: true
	fi
}

/* A ticket that it read a while ago; it holds the record, so that may be touched. */
proctype canceller(byte t)
{
	byte won;

	if
	:: atomic {
			if
			:: state[t] == armed -> won = 1
			:: state[t] == parked -> won = 2
			fi;
			state[t] = notified;
			code[t] = cancelled
		}
		ready(t)
	:: true
	fi
}

init {
	byte i;

	atomic {
		do
		:: i < WAITERS -> run waiter(i); run deadline(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < POSTS -> run poster(); i++
		:: else -> i = 0; break
		od;
		run canceller(0)
	}
	timeout;
	atomic {
		assert(posted_all == POSTS);
		assert(given == taken + units);
		do
		:: i < WAITERS ->
			assert(state[i] == running || state[i] == parked);
			assert(!(state[i] == parked && units > 0));
			i++
		:: else -> break
		od
	}
}
