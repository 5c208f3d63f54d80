/* SPDX-License-Identifier: MIT */
/*
 * cond.pml: the condition variable is a queue, and nothing else (src/sync/cond.c).
 *
 * Waiters take one item each, and wait while there is none: with a deadline or a cancellation that may come at any moment
 * or never (lose), after which they look once more, or go without.  A changer puts in an item under
 * the mutex, and wakes one, before or after it unlocks; as often as there are waiters.
 * How a thread stops: park.pml; the mutex: mutex.pml, here one step; the queue: waitq.pml, so a claim is one step
 * with taking the waiter out.  An epoch of two values is enough to tell a wait from the next.  All is under a lock or
 * claimed by locked instructions: no store buffers.
 * The condition variable goes when every waiter was woken and has returned; nobody will wake any more.
 *
 *   weft_cond_wait_until   wait          weft_cond_wake       wake
 *   weft__sync_settle      settle        weft_mutex_lock      lock_mutex: firm
 *
 * Claims
 *   at rest nobody waits while an item is there;
 *   a wait returns with the mutex; no item is lost or made;
 *   a wake is not used up by one that is not woken;
 *   nobody touches the condition variable when it is gone.
 *
 * Broken variants (-D)
 *   ENTER_LATE       the waiter unlocks the mutex, and then enters the queue
 *   ARM_LATE         it enters, unlocks, and then arms
 *   UNLOCK_WAITS     the unlock in between waits for something: it arms, and what was armed is over
 *   CHANGE_UNLOCKED  the changer does not take the mutex
 *   LOST_COUNTS      a wake that lost its claim does not go to the next
 *   RELOCK_OPEN      taking the mutex again can be cancelled
 *   NO_SETTLE        who was woken before it parked gives the condition variable away while its waker is in the queue
 */
#ifndef N
#define N	2
#endif
#ifndef PUTS
#define PUTS	N
#endif
#define NONE	255

mtype = { running, armed, parked, notified };
mtype = { woken, lost };

mtype state[N] = running, code[N];
bit epoch[N], ticket[N];
chan queue = [N] of { byte };
bit queue_lock;
byte holder = NONE;		/* of the mutex; N: the changer */
byte items;
byte put, taken, claims, over;	/* ghosts */
bit is_gone;

#define touch()	assert(!is_gone)

inline lock_mutex(x)
{
	atomic { holder == NONE -> holder = x }
}

inline unlock_mutex(x)
{
	atomic { assert(holder == x); holder = NONE }
}

inline lock_queue()
{
	atomic { !queue_lock -> touch(); queue_lock = 1 }
}

inline unlock_queue()
{
	atomic { touch(); queue_lock = 0 }
}

inline arm()
{
	atomic { epoch[me] = 1 - epoch[me]; state[me] = armed }
}

inline wait()
{
#ifdef ENTER_LATE
	unlock_mutex(me);
#endif
	lock_queue();
#ifdef ARM_LATE
	atomic { queue!me; ticket[me] = 1 - epoch[me] }
#else
	arm();
	atomic { queue!me; ticket[me] = epoch[me] }
#endif
	unlock_queue();
#ifndef ENTER_LATE
	unlock_mutex(me);
#endif
#if defined ARM_LATE || defined UNLOCK_WAITS
	arm();
#endif
	if
	:: atomic { state[me] == armed -> state[me] = parked }
end_parked:	state[me] == notified
	:: else
	fi;
	assert(state[me] == notified);
	state[me] = running;
	was_woken = (code[me] == woken);
	if
	:: was_woken ->
#ifndef NO_SETTLE
		atomic { touch(); !queue_lock }		/* settle */
#endif
	:: else ->
		lock_queue();
		if
		:: queue??[eval(me)] -> queue??eval(me)
		:: else
		fi;
		unlock_queue()
	fi;
#ifdef RELOCK_OPEN
	if
	:: lock_mutex(me)
	:: holder != NONE
	fi
#else
	lock_mutex(me)
#endif
}

proctype waiter(byte me)
{
	bit was_woken, gives_up;

	lock_mutex(me);
	do
	:: items > 0 ->
		atomic { items--; taken++; assert(holder == me) }
		break
	:: gives_up -> break
	:: items == 0 && !gives_up ->
		wait();
		assert(holder == me);
		gives_up = !was_woken
	od;
	unlock_mutex(me);
	atomic {
		over++;
		is_gone = (over == N && claims == PUTS)
	}
}

/* A deadline, or a cancellation: once for each. */
proctype lose(byte t)
{
	if
	:: atomic { state[t] == armed || state[t] == parked -> state[t] = notified; code[t] = lost }
	:: true
	fi
}

inline wake()
{
	lock_queue();
	do
	:: empty(queue) -> break
	:: nempty(queue) ->
		atomic {
			queue?t;
			won = ((state[t] == armed || state[t] == parked) && epoch[t] == ticket[t]);
			if
			:: won -> state[t] = notified; code[t] = woken; claims++
			:: else
			fi;
			t = 0
		}
		if
		:: won -> won = 0; break
#ifdef LOST_COUNTS
		:: else -> break
#else
		:: else
#endif
		fi
	od;
	unlock_queue()
}

proctype changer()
{
	byte t, n;
	bit won, is_late;

	do
	:: n == PUTS -> break
	:: else -> n++;
		if
		:: is_late = 0
		:: is_late = 1
		fi;
#ifndef CHANGE_UNLOCKED
		lock_mutex(N);
#endif
		atomic { items++; put++ }
#ifndef CHANGE_UNLOCKED
		if
		:: is_late -> unlock_mutex(N)
		:: else
		fi;
#endif
		wake();
#ifndef CHANGE_UNLOCKED
		if
		:: !is_late -> unlock_mutex(N)
		:: else
		fi
#endif
	od
}

#define WAITS(t)	(state[t] == armed || state[t] == parked)

init {
	byte i;

	atomic {
		do
		:: i < N -> run waiter(i); run lose(i); i++
		:: else -> i = 0; break
		od;
		run changer()
	}
	timeout;
	atomic {
		assert(put == PUTS && put == taken + items && holder == NONE);
		do
		:: i < N -> assert(!(WAITS(i) && items > 0)); i++
		:: else -> break
		od
	}
}
