/* SPDX-License-Identifier: MIT */
/*
 * mutex.pml: the mutex: barging, WOKEN, the fair grant, deadlines (src/sync/mutex.c, include/weft/mutex.h).
 *
 * Each thread locks up to TRIES times with a deadline that may strike at any moment or never, and at last once without;
 * in that section it counts itself out, and the last one gives the mutex back: so it may go as soon as nobody needs it,
 * while others are on their way out of their unlock.  Whether a waiter is to be granted the mutex, and whether an
 * unlock looks for one though somebody is WOKEN, is open.
 * How a thread stops: park.pml; how the queue works: waitq.pml, so here a claim, and taking a waiter out together
 * with it, is one step under the queue's lock.  The word changes by locked instructions; pass_on stores it, before the
 * store that unlocks the queue: who comes without that lock can only set LOCKED, which is set.  So there are no store buffers.
 *
 *   weft_mutex_lock_try     fetch_or               weft__mutex_unlock_slow   unlock, from slow on
 *   weft__mutex_lock_slow   lock, from slow on     pass_on                   pass_on
 *   take_or_mark            take_or_mark           weft__sync_settle         settle
 *
 * Claims
 *   one holder at a time; every lock without a deadline ends; at rest the word is 0;
 *   WOKEN only while somebody was woken to compete and has not yet done so;
 *   nobody touches the mutex when it is gone.
 *
 * Broken variants (-D)
 *   FREED_BY_STORE  an unlock that saw LOCKED alone stores 0
 *   MARK_OUTSIDE    a waiter sees LOCKED and sets WAITED, and then takes the queue's lock
 *   NO_MARK         it enters, and does not set WAITED
 *   WOKEN_STAYS     one that competes and is beaten does not clear WOKEN
 *   WOKEN_LEAVES    one that was woken to compete leaves because its deadline has passed
 *   WOKEN_FREED     an unlock clears WOKEN with LOCKED: the next one wakes one more
 *   LOST_COUNTS     an unlock grants to one whose deadline was first
 *   WAITED_DROPPED  pass_on clears WAITED though others wait
 *   NO_SETTLE       who was granted the mutex gives it back while the unlocker is in the queue
 *   WAKES_MORE      an unlock that looks though one is WOKEN wakes another one to compete
 *   WOKEN_FORGOTTEN it grants, or finds nobody to grant it to, and clears WOKEN
 *   WOKEN_BLIND     an unlock does not look at WOKEN again after it has woken one, but frees the word
 */
#ifndef N
#define N	3
#endif
#ifndef TRIES
#define TRIES	1	/* with a deadline, in all */
#endif

#define LOCKED	1
#define WAITED	2
#define WOKEN	4
#define NONE	255

mtype = { running, armed, parked, notified };
mtype = { compete, granted, timed_out };

mtype state[N] = running, code[N];
bit has_deadline[N];
byte word;
chan queue = [N] of { byte };
bit queue_lock;
byte tries = TRIES;
byte holder = NONE, users = N, competing, over;	/* ghosts; users: guarded by the mutex */
bit is_gone;

#define touch()	assert(!is_gone)

inline lock_queue()
{
	atomic { !queue_lock -> touch(); queue_lock = 1 }
}

inline unlock_queue()
{
	atomic { touch(); queue_lock = 0 }
}

inline hold()
{
	assert(holder == NONE);
	holder = me
}

/* took: has it; else WAITED is set */
inline take_or_mark()
{
	atomic {
		touch();
		took = !(word & LOCKED);
		if
		:: took -> word = word | LOCKED; hold()
#ifdef NO_MARK
		:: else
#else
		:: else -> word = word | WAITED
#endif
		fi;
		if
#ifdef WOKEN_STAYS
		:: woken && took -> word = word & (LOCKED | WAITED)
#else
		:: woken -> word = word & (LOCKED | WAITED)
#endif
		:: else
		fi;
		competing = competing - woken;
		woken = 0
	}
}

/* Until it holds the mutex, or, if it may, its deadline was first: gave_up. */
inline lock()
{
	atomic {				/* fetch_or */
		touch();
		took = !(word & LOCKED);
		word = word | LOCKED;
		if
		:: took -> hold()
		:: else
		fi
	}
	do
	:: took || gave_up -> break
	:: else ->
#ifdef MARK_OUTSIDE
		take_or_mark();
		lock_queue();
#else
		lock_queue();
		take_or_mark();
#endif
		if
		:: took -> unlock_queue()
		:: else ->
			atomic {
				state[me] = armed;
				has_deadline[me] = may_give_up;
				queue!me	/* one that was beaten: first, for its age; which is open here */
			}
			unlock_queue();
			if
			:: atomic { state[me] == armed -> state[me] = parked }
				state[me] == notified
			:: else
			fi;
			has_deadline[me] = 0;
			atomic { state[me] = running }
			if
			:: code[me] == compete -> woken = 1
#ifdef WOKEN_LEAVES
			:: code[me] == compete && may_give_up -> competing--; gave_up = 1
#endif
			:: code[me] == granted -> took = 1;
#ifndef NO_SETTLE
				atomic { touch(); !queue_lock }
#endif
			:: code[me] == timed_out ->
				lock_queue();
				atomic {
					if
					:: queue??[eval(me)] -> queue??eval(me)
					:: else
					fi
				}
				unlock_queue();
				gave_up = 1
			fi
		fi
	od
}

/* The queue's lock held: takes out and claims one. x: which; NONE: nobody. Which one is longest there is open after one was
 * beaten, but that changes nothing here. */
inline wake(how)
{
	do
	:: empty(queue) -> x = NONE; break
	:: nempty(queue) ->
		queue?x;
		if
		:: state[x] == armed || state[x] == parked ->
			code[x] = how;
			state[x] = notified;
			break
#ifdef LOST_COUNTS
		:: else -> break
#else
		:: else
#endif
		fi
	od
}

inline pass_on()
{
	lock_queue();
	w = word & WOKEN;
	atomic {
		if
#ifdef WAKES_MORE
		:: wake(compete)
#else
		:: !w -> wake(compete)
		:: w -> x = NONE
#endif
		:: wake(granted); grants = (x != NONE)
		fi;
		if
		:: grants -> holder = x		/* it has it, from its claim on */
		:: !grants && x != NONE -> competing++; w = WOKEN; assert(competing == 1)
		:: else
		fi
	}
	atomic {
		touch();
#ifdef WOKEN_FORGOTTEN
		word = LOCKED + (x != NONE && !grants -> WOKEN : 0);
#else
		word = LOCKED + w;
#endif
#ifndef WAITED_DROPPED
		word = word + (len(queue) > 0 -> WAITED : 0);
#endif
		x = 0
	}
	unlock_queue()
}

inline unlock()
{
	holder = NONE;
	do
	:: grants -> break
	:: else ->
		atomic { touch(); w = word }
		if				/* is_to_look: now and then also when one is WOKEN */
		:: w & WAITED -> pass_on()
		:: !(w & WAITED) || (w & WOKEN) ->
			atomic {
				touch();
#ifdef FREED_BY_STORE
				took = 1;
				w = w & (WAITED | WOKEN);
				word = w;
#else
				took = (word == w);
#ifdef WOKEN_FREED
				word = (took -> w & WAITED : word);
#else
				word = (took -> w & (WAITED | WOKEN) : word);
#endif
#endif
			}
			if
			:: took -> break
			:: else
			fi
		fi
#ifdef WOKEN_BLIND
		;
		if
		:: !grants -> atomic { touch(); word = word & (WAITED | WOKEN) } break
		:: else
		fi
#endif
	od;
	atomic { grants = 0; w = 0; took = 0 }
}

proctype thread(byte me)
{
	bit may_give_up, took, gave_up, woken, grants, is_last;
	byte w, x;

again:	if
	:: atomic { tries > 0 -> tries--; may_give_up = 1 }
	:: may_give_up = 0
	fi;
	lock();
	if
	:: gave_up -> atomic { gave_up = 0; took = 0 } goto again
	:: else
	fi;
	if
	:: !may_give_up -> atomic { users--; is_last = (users == 0) }
	:: else
	fi;
	unlock();
	if
	:: may_give_up -> goto again
	:: else
	fi;
	if
	:: is_last -> is_gone = 1
	:: else
	fi;
	over++
}

proctype deadline(byte t)
{
end:	do
	:: atomic { has_deadline[t] && (state[t] == armed || state[t] == parked) ->
			code[t] = timed_out;
			state[t] = notified
		}
	od
}	/* (never) */

init {
	byte i;

	atomic {
		do
		:: i < N -> run thread(i); run deadline(i); i++
		:: else -> break
		od
	}
	timeout;
	assert(over == N && competing == 0 && word == 0)
}
