/* SPDX-License-Identifier: MIT */
/*
 * chan.pml: a channel without room, or with room for CAP elements (src/chan/chan.h, chan.c).
 *
 * Senders send one element each, receivers receive RECVS times each; deadlines or cancellations come at any moment or never
 * (lose: once for each thread), and somebody may close it.  Who waits is a party: its element's memory and its result are
 * in its frame, which goes when it returns.  The claimer does all of the work: claim, copy, unlock, result, ready.
 * How a thread stops: park.pml; taking a party out of the list and claiming it is one step under the lock, as
 * waitq.pml shows.  Everything else is under the lock, or shown by the release of the result: no store buffers.
 * With GONE the first who knows that the one element has come over takes the channel away as soon as it has returned.
 *
 *   weft__chan_do        serve_or_wait, up to link       weft__chan_settle   settle
 *   claim_party          claim_party                     weft__chan_unlink   the lock again, after lost
 *   finish, RESULT       finish, after the unlock        weft_chan_close     closer
 *
 * Claims
 *   each element is received once, if its send returned 0, or lies in the channel; never, if it did not;
 *   a receive that returned 0 has an element, one that did not was not written into; it hears that the channel is closed
 *   only when nothing is there;
 *   with the lock free, parties that nobody has claimed wait to receive only if nothing is there and it is not closed, to
 *   send only if it is full and not closed; and not both;
 *   nobody touches a party or a channel that is gone.
 *
 * Broken variants (-D)
 *   COPY_FIRST       the element is copied, and then its receiver claimed
 *   LOST_COUNTS      a claimer that has lost does not try the next
 *   NO_SETTLE        who was claimed before it parked does not wait for its result
 *   SETTLE_BY_LOCK   it waits until the lock is free, and not for its result
 *   RESULT_FIRST     the claimer writes the result, and then unlocks
 *   NOT_REFILLED     a receive from a full channel does not serve who waits to send
 *   CLOSED_FIRST     a receive looks whether it is closed, and then for an element
 *   CLOSE_SILENT     closing does not claim who waits
 *   CLOSE_OUTSIDE    it claims after it has unlocked, and marks it as closed then
 */
#ifndef SENDERS
#define SENDERS	2
#endif
#ifndef RECEIVERS
#define RECEIVERS	1
#endif
#ifndef RECVS
#define RECVS	2
#endif
#ifndef CAP
#define CAP	0
#endif
#ifndef CLOSES
#define CLOSES	1
#endif
#define N	(SENDERS + RECEIVERS)
#define NONE	255

mtype = { running, armed, parked, claimed, lost };
mtype = { pending, done, broken };

mtype state[N] = running, result[N];
bit has_frame[N], may_lose[N] = 1;
byte element[N];		/* to send, or received; 0: none */

bit lock_word, is_closed, is_gone;
chan parties[2] = [N] of { byte };	/* 0: to send, 1: to receive */
chan slots = [1] of { byte };

byte sent[SENDERS + 1], received[SENDERS + 1];	/* ghosts, by element: 1 .. SENDERS */

#define touch()	assert(!is_gone)

inline lock()
{
	atomic { !lock_word -> touch(); lock_word = 1 }
}

inline unlock()
{
	atomic { touch(); lock_word = 0 }
}

/* x: the first that could be claimed; NONE. was_parked: it is to be made ready. */
inline claim_party(way)
{
	atomic {
		do
		:: empty(parties[way]) -> x = NONE; break
		:: nempty(parties[way]) ->
			parties[way]?x;
			assert(has_frame[x]);
			if
			:: state[x] == armed || state[x] == parked ->
				was_parked = (state[x] == parked);
				state[x] = claimed;
				break
#ifdef LOST_COUNTS
			:: else -> was_parked = 0; break
#else
			:: else
#endif
			fi
		od
	}
}

/* The result, and ready: the thread cannot go on before both, if it was parked. */
inline finish(how)
{
	atomic { assert(has_frame[x]); result[x] = how }
}

inline finish_and_unlock()
{
#ifdef RESULT_FIRST
	finish(done);
	unlock()
#else
	unlock();
	finish(done)
#endif
}

/* code: pending: has to wait */
inline serve()
{
	if
	:: me < SENDERS ->
		if
		:: is_closed -> unlock(); code = broken
		:: else ->
#ifdef COPY_FIRST
			if
			:: nempty(parties[1]) -> parties[1]?<x>; assert(has_frame[x]); element[x] = element[me]
			:: else
			fi;
#endif
			claim_party(1);
			if
			:: x != NONE ->
				atomic { assert(has_frame[x]); element[x] = element[me] }
				finish_and_unlock();
				code = done
			:: x == NONE && len(slots) < CAP -> slots!element[me]; unlock(); code = done
			:: else
			fi
		fi
	:: else ->
		if
#ifdef CLOSED_FIRST
		:: is_closed -> assert(empty(slots)); unlock(); code = broken
		:: !is_closed && nempty(slots) ->
#else
		:: nempty(slots) ->
#endif
			slots?y;
#ifdef NOT_REFILLED
			x = NONE;
#else
			claim_party(0);
#endif
			if
			:: x != NONE -> slots!element[x]; finish_and_unlock()
			:: else -> unlock()
			fi;
			code = done
#ifdef CLOSED_FIRST
		:: !is_closed && empty(slots) ->
#else
		:: empty(slots) ->
#endif
			claim_party(0);
			if
			:: x != NONE ->
				atomic { assert(has_frame[x]); y = element[x] }
				finish_and_unlock();
				code = done
			:: x == NONE && is_closed -> assert(empty(slots)); unlock(); code = broken
			:: else
			fi
		fi
	fi;
	x = 0
}

proctype thread(byte me)
{
	byte n, x, y;
	mtype code;
	bit was_parked;

again:	atomic { has_frame[me] = 1; code = pending; element[me] = (me < SENDERS -> me + 1 : 0) }
	lock();
	serve();
	if
	:: code != pending -> goto returned
	:: else
	fi;
	atomic {
		state[me] = armed;
		result[me] = pending;
		parties[(me >= SENDERS)]!me
	}
	unlock();
	if
	:: atomic { state[me] == armed -> state[me] = parked }
end_parked:	state[me] == lost || state[me] == claimed && result[me] != pending
	:: else
	fi;
	if
	:: state[me] == lost ->
		lock();
		if
		:: parties[(me >= SENDERS)]??[eval(me)] -> parties[(me >= SENDERS)]??eval(me)
		:: else
		fi;
		unlock();
		assert(me < SENDERS || element[me] == 0);
		code = lost
	:: else ->
#ifdef SETTLE_BY_LOCK
		atomic { touch(); !lock_word }
		code = done;
#else
#ifdef NO_SETTLE
		code = done;
#else
		result[me] != pending;			/* settle */
		code = result[me];
#endif
#endif
		y = element[me]
	fi;

returned:
	atomic {
		has_frame[me] = 0;
		state[me] = running;
		if
		:: code == done && me < SENDERS -> sent[me + 1]++
		:: code == done && me >= SENDERS -> assert(y > 0); received[y]++; assert(received[y] == 1)
		:: else
		fi;
#ifdef GONE
		is_gone = (is_gone || code == done && (me >= SENDERS || CAP == 0));
#endif
		y = 0;
		n++
	}
	if
	:: me >= SENDERS && n < RECVS && code != broken -> goto again
	:: else
	fi
}

proctype lose(byte t)
{
end:	if
	:: atomic { state[t] == armed || state[t] == parked -> state[t] = lost }
	:: true
	fi
}

inline claim_all(way)
{
	do
	:: claim_party(way);
		if
		:: x == NONE -> break
		:: else -> mine!x
		fi
	od
}

proctype closer()
{
	byte x;
	bit was_parked;
	chan mine = [N] of { byte };

	if
	:: true -> goto over				/* never */
	:: lock()
	fi;
#ifdef CLOSE_OUTSIDE
	unlock();
#else
	is_closed = 1;
#endif
#ifndef CLOSE_SILENT
	claim_all(0);
	claim_all(1);
#endif
#ifdef CLOSE_OUTSIDE
	is_closed = 1;
#else
	unlock();
#endif
	do
	:: empty(mine) -> break
	:: mine?x -> finish(broken)
	od;
over:	x = 0
}

#define UNCLAIMED(t)	(state[t] == armed || state[t] == parked)

init {
	byte i, to_send, to_receive, y;

	atomic {
		do
		:: i < N -> run thread(i); run lose(i); i++
		:: else -> i = 0; break
		od;
#if CLOSES
		run closer()
#endif
	}
	timeout;
	atomic {
		do
		:: i < N ->
			if
			:: UNCLAIMED(i) && i < SENDERS -> to_send++
			:: UNCLAIMED(i) && i >= SENDERS -> to_receive++
			:: else -> assert(state[i] == running)
			fi;
			i++
		:: else -> break
		od;
		assert(is_gone || !lock_word);
		assert(!(to_send > 0 && to_receive > 0));
		assert(!(to_send > 0 && (is_closed || len(slots) < CAP)));
		assert(!(to_receive > 0 && (is_closed || len(slots) > 0)));
		if
		:: nempty(slots) -> slots?y; received[y]++
		:: empty(slots)
		fi;
		i = 1;
		do
		:: i <= SENDERS -> assert(sent[i] == received[i]); i++
		:: else -> break
		od
	}
}
