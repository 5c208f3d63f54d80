/* SPDX-License-Identifier: MIT */
/*
 * select.pml: one wait in many queues; the first claim decides (src/chan/select.h, select.c).
 *
 * Two channels without room, A and B.  The select of thread 0 sends to A or receives from B, that of thread 1 receives from A
 * or sends to B; with SAME both send to A or receive from A.  Each begins at either of its cases, anew each time.
 * Thread 2 receives from A without a select, unless they are ALONE.  A deadline, or a cancellation, may come for each select
 * at any moment, or never.
 * The inside of a channel is chan.pml's matter: here an attempt, a look, and entering are one step each under the channel's
 * lock.  No ticket outlives its wait in a queue, for the queues are left before the thread arms again; so there is no
 * epoch.  Everything is under a lock or claimed by locked instructions: no store buffers.
 *
 *   weft__arm     arm, 1        enter_all    enter, 4; look and link in one section
 *   attempt_all   attempt, 2    withdraw     claim of itself, 4
 *   leave_all     leave         weft_chan_recv  plain
 *
 * Claims
 *   one case happens, or none, and always to both sides: who returns a case has met one, who returns none has not;
 *   at rest no two wait that could meet, unless it is one and the same thread;
 *   who returns is in no queue.
 * Not here: that selects which withdraw before each other do not do so for ever (where they begin is chosen anew).
 *
 * Broken variants (-D)
 *   LOOK_ONCE       4 enters without another look
 *   LOOK_OUTSIDE    4 looks, and enters in another section
 *   NO_WITHDRAW     4 does what it finds, without claiming itself
 *   OTHER_FIRST     4 claims the other, then itself, and loses
 *   WITHDRAWN_WINS  it withdraws without a look whether somebody was quicker
 *   NOT_LEFT        who was claimed does not leave the other queues
 *   LEFT_LATE       who has withdrawn attempts again, and leaves the queues after that
 *   NOT_NUMBERED    who was claimed takes it for the first case that it entered
 */
#define N	3
#define NONE	255
#define LOST	254
#define WITHDRAWN	253

mtype = { running, armed, parked, claimed };

mtype state[N] = running;
byte code[N];
chan queue[4] = [N] of { byte, byte };	/* of a channel and a way: A to send, A to receive, B to send, B to receive */
byte cases[N * 2];			/* the queue of each case; its partners wait in the other one of that channel */
byte met[N];				/* ghost: the queue in which it was served, and 1 */
byte over;

#define PARTNER(q)	((q) ^ 1)

/* x: whom it has claimed; NONE */
inline attempt(q)
{
	atomic {
		do
		:: empty(queue[PARTNER(q)]) -> x = NONE; break
		:: nempty(queue[PARTNER(q)]) ->
			queue[PARTNER(q)]?x,y;
			assert(x != me);
			if
			:: state[x] == armed || state[x] == parked ->
				state[x] = claimed;
				code[x] = y;
				assert(met[x] == 0);
				met[x] = PARTNER(q) + 1;
				break
			:: else
			fi
		od;
		y = 0
	}
}

inline happens(q)
{
	atomic { assert(met[me] == 0); met[me] = q + 1; x = 0 }
}

#define READY(q)	((queue[PARTNER(q)]??[0,0] || queue[PARTNER(q)]??[0,1]) && me != 0 || \
			(queue[PARTNER(q)]??[1,0] || queue[PARTNER(q)]??[1,1]) && me != 1 || \
			(queue[PARTNER(q)]??[2,0] || queue[PARTNER(q)]??[2,1]) && me != 2)

inline leave(q)
{
	atomic {
		do
		:: queue[q]??[eval(me),0] -> queue[q]??eval(me),0
		:: queue[q]??[eval(me),1] -> queue[q]??eval(me),1
		:: else -> break
		od
	}
}

proctype selector(byte me)
{
	byte first, c, n, x, y;
	bit is_late;

again:	state[me] = armed;			/* nobody has been shown it */
	if
	:: first = 0
	:: first = 1
	fi;

	n = 0;					/* 2 */
	do
	:: n == 2 -> break
	:: else ->
		c = (first + n) % 2;
		attempt(cases[2 * me + c]);
		if
		:: x != NONE ->
			happens(cases[2 * me + c]);
#ifdef LEFT_LATE
			leave(cases[2 * me]);
			leave(cases[2 * me + 1]);
#endif
			goto returned
		:: else -> n++
		fi
	od;
#ifdef LEFT_LATE
	leave(cases[2 * me]);
	leave(cases[2 * me + 1]);
#endif
	if
	:: is_late -> c = NONE; goto returned
	:: else
	fi;

	n = 0;					/* 4 */
	do
	:: n == 2 -> break
	:: else ->
		c = (first + n) % 2;
#ifdef LOOK_ONCE
		queue[cases[2 * me + c]]!me,c;
		n++
#else
#ifdef LOOK_OUTSIDE
		if
		:: READY(cases[2 * me + c])
		:: else -> goto enters
		fi;
		if
		:: false ->
enters:			queue[cases[2 * me + c]]!me,c;
			n++
		:: else ->
#else
		if
		:: atomic { !READY(cases[2 * me + c]) -> queue[cases[2 * me + c]]!me,c }
			n++
		:: READY(cases[2 * me + c]) ->
#endif
#if defined NO_WITHDRAW || defined OTHER_FIRST
			attempt(cases[2 * me + c]);
			if
#ifdef OTHER_FIRST
			:: x != NONE && state[me] != armed -> x = 0
#endif
			:: else ->
				if
				:: x != NONE ->
					happens(cases[2 * me + c]);
					leave(cases[2 * me]);
					leave(cases[2 * me + 1]);
					goto returned
				:: else
				fi
			fi;
#endif
			atomic {		/* withdraw */
				if
#ifdef WITHDRAWN_WINS
				:: true -> state[me] = claimed; code[me] = WITHDRAWN
#else
				:: state[me] == armed -> state[me] = claimed; code[me] = WITHDRAWN
				:: else
#endif
				fi
			}
			break
		fi
#endif
	od;

	if					/* 5 */
	:: atomic { state[me] == armed -> state[me] = parked }
end_parked:	state[me] == claimed
	:: else
	fi;
#if !defined LEFT_LATE && !defined NOT_LEFT
	n = 0;
	do
	:: n == 2 -> break
	:: n < 2 && n == code[me] -> n++
	:: n < 2 && n != code[me] -> leave(cases[2 * me + n]); n++
	od;
#endif
	if
	:: code[me] == WITHDRAWN -> goto again
	:: code[me] == LOST -> is_late = 1; goto again	/* a deadline: attempts once more */
#if defined NOT_LEFT || defined LEFT_LATE
	:: code[me] == LOST -> leave(cases[2 * me]); leave(cases[2 * me + 1]); c = NONE
#else
	:: code[me] == LOST -> c = NONE			/* a cancellation */
#endif
	:: else ->
#ifdef LEFT_LATE
		leave(cases[2 * me]);
		leave(cases[2 * me + 1]);
#endif
#ifdef NOT_NUMBERED
		c = first
#else
		c = code[me]
#endif
	fi;

returned:
	atomic {
		assert(met[me] == (c == NONE -> 0 : cases[2 * me + c] + 1));
		assert(!queue[cases[2 * me]]??[eval(me),0] && !queue[cases[2 * me + 1]]??[eval(me),1]);
		state[me] = running;
		over++;
		first = 0; c = 0; n = 0; x = 0; y = 0
	}
}

proctype plain(byte me)
{
	byte x, y;

	atomic {
		attempt(cases[2 * me]);
		if
		:: x != NONE -> happens(cases[2 * me])
		:: else -> state[me] = armed; queue[cases[2 * me]]!me,0
		fi
	}
	if
	:: state[me] == running -> goto returned
	:: atomic { state[me] == armed -> state[me] = parked }
end_parked:	state[me] == claimed
	:: state[me] == claimed
	fi;
	assert(met[me] == cases[2 * me] + 1);
returned:
	atomic { state[me] = running; over++; x = 0 }
}

/* Once for each. */
proctype lose(byte t)
{
	if
	:: atomic { state[t] == armed || state[t] == parked ->
			state[t] = claimed;
			code[t] = LOST
		}
	:: true
	fi
}

#define WAITS(t)	(state[t] != running)
#define MEET(s, t)	(WAITS(s) && WAITS(t) && ( \
			cases[2 * s] == PARTNER(cases[2 * t]) || cases[2 * s] == PARTNER(cases[2 * t + 1]) || \
			cases[2 * s + 1] == PARTNER(cases[2 * t]) || cases[2 * s + 1] == PARTNER(cases[2 * t + 1])))
#define MET(q)	((met[0] == q + 1) + (met[1] == q + 1) + (met[2] == q + 1))

init {
	atomic {
#ifdef SAME
		cases[0] = 0; cases[1] = 1;
		cases[2] = 0; cases[3] = 1;
#else
		cases[0] = 0; cases[1] = 3;
		cases[2] = 1; cases[3] = 2;
#endif
		cases[4] = 1; cases[5] = 1;
		run selector(0);
		run selector(1);
#ifndef ALONE
		run plain(2);
#endif
		run lose(0);
		run lose(1)
	}
	timeout;
	atomic {
		assert(!MEET(0, 1) && !MEET(0, 2) && !MEET(1, 2));
		assert(MET(0) == MET(1) && MET(2) == MET(3))
	}
}
