/* SPDX-License-Identifier: MIT */
/*
 * ended.pml: how a scheduler knows that its last thread has ended (src/sched/idle.c).
 *
 * N carriers with a processor each, and kernel thread X, which runs a thread without having a
 * processor (its processor was handed off while it blocked).  Every processor counts the threads it
 * spawned and the threads that ended on it in two words that only ever grow; its owner writes them
 * with plain stores.  X uses the scheduler's own two counters, atomically.  Who goes idle, and who ends
 * a thread without a processor, reads all `ended` words first and then all `spawned` words.  If the
 * sums are equal nobody was alive at the moment between the two passes, and nobody can come to life.
 *
 * Stores of one kernel thread pass through a FIFO store buffer (TSO): sb[k] holds {word, owner}.
 * Waking is idle.pml's matter; here a push simply sets the edge when somebody is idle.
 *
 * Claims
 *   equal sums are never seen while a thread lives;
 *   when all threads have ended every carrier leaves (at rest everybody left).
 *
 * Broken variants (-D)
 *   ONE_COUNTER     one signed word per processor, spawned minus ended: false zeros
 *   SPAWNED_FIRST   reads the `spawned` words before the `ended` words: false zeros
 *   NO_LAST_LOOK    who ends a thread without a processor does not count
 *   NO_CHAIN        who finds the end wakes one sleeper, and that one nobody
 */
#define N	2		/* carriers with a processor; X is number N */
#ifndef SPAWNS
#define SPAWNS	2		/* threads spawned besides the two first ones */
#endif

mtype = { spawned_word, ended_word, queue_word };

chan sb[N] = [3] of { mtype };
byte spawned[N + 1], ended[N + 1];	/* number N: the scheduler's own */
byte q[N + 1];
byte idle, budget = SPAWNS;
bit edge, over;
byte alive = 2, left;			/* ghosts */

inline store_lands(k, what)
{
	if
	:: what == spawned_word -> spawned[k]++
	:: what == ended_word -> ended[k]++
	:: what == queue_word -> q[k]++
	fi
}

inline drain(k)
{
	do
	:: atomic { sb[k]?what -> store_lands(k, what); what = 0 }
	:: empty(sb[k]) -> break
	od
}

inline wake_one()
{
	if
	:: idle > 0 -> edge = 1
	:: else
	fi
}

/* weft__idle_ended: one pass over one array, word by word. */
inline add_up(word, into)
{
	i = 0;
	do
	:: i <= N -> into = into + word; i++
	:: else -> i = 0; break
	od
}

inline look_for_end()
{
#ifdef ONE_COUNTER
	i = 0;
	do
	:: i <= N -> d_step { s = s + spawned[i]; e = e + ended[i]; i++ }
	:: else -> i = 0; break
	od;
#else
#ifdef SPAWNED_FIRST
	add_up(spawned[i], s);
	add_up(ended[i], e);
#else
	add_up(ended[i], e);
	add_up(spawned[i], s);
#endif
#endif
	if
	:: s == e -> assert(alive == 0); over = 1; edge = 1
	:: else
	fi;
	atomic { s = 0; e = 0 }
}

proctype carrier(byte me; bit running)
{
	byte i, s, e;
	mtype what;

	if
	:: running
	:: !running -> goto next
	fi;
busy:
	do
	:: atomic { budget > 0 -> budget--; alive++ }	/* its thread spawns another */
		sb[me]!spawned_word;
		sb[me]!queue_word;
		wake_one()
	:: alive--; sb[me]!ended_word; break		/* its thread ends */
	od;
next:
	i = 0;
	do
	:: i <= N ->
		if
		:: atomic { q[i] > 0 -> q[i]--; i = 0 } drain(me); goto busy
		:: else -> i++
		fi
	:: else -> i = 0; break
	od;
	drain(me);
	idle++;
	do						/* membarrier */
	:: i < N -> drain(i); i++
	:: else -> i = 0; break
	od;
	do						/* the second look */
	:: i <= N ->
		if
		:: q[i] > 0 -> idle--; i = 0; goto next
		:: else -> i++
		fi
	:: else -> i = 0; break
	od;
	look_for_end();
	if
	:: over -> goto leave
	:: else
	fi;
	atomic { edge -> edge = 0 };			/* epoll_wait */
	if
	:: over
	:: else -> idle--; goto next
	fi;
leave:
#ifndef NO_CHAIN
	edge = 1;
#endif
	left++
}

proctype without_processor()
{
	byte i, s, e;
	mtype what;

	do
	:: atomic { budget > 0 -> budget--; alive++; spawned[N]++ }
		q[N]++;
		wake_one()
	:: atomic { alive--; ended[N]++ } break
	od;
#ifndef NO_LAST_LOOK
	do						/* membarrier */
	:: i < N -> drain(i); i++
	:: else -> i = 0; break
	od;
	look_for_end()
#endif
}

proctype memory()
{
	mtype what;

end:	do
	:: atomic { sb[0]?what -> store_lands(0, what); what = 0 }
	:: atomic { sb[1]?what -> store_lands(1, what); what = 0 }
	od
}

init {
	atomic {
		spawned[N] = 2;
		run carrier(0, 1);
		run carrier(1, 0);
		run without_processor();
		run memory()
	}
	timeout;
	assert(alive == 0 && left == N)
}
