/* SPDX-License-Identifier: MIT */
/*
 * group.pml: a group's threads have ended when it has been joined (src/sched/group.c, include/weft/group.h).
 *
 * A thread spawns two in a group, and joins it; the first of them may spawn a third.  Each returns at once, or fails, or
 * waits for what never comes: only a cancellation ends that.  The joiner may be cancelled once, at any moment while it waits.
 * When the join has returned the group is gone, and when a thread has ended so is its record.
 * A thread that is marked as cancelled does not wait on: cancel.pml.  A wake of the joiner is not lost: waitq.pml; here
 * its claim is one step.  Everything is under the group's lock: no store buffers.
 *
 *   weft_group_spawn     spawn: counts, then starts     weft__group_leave   leave
 *   weft__group_enter    enter                          cancel_all          cancel_all, under the lock
 *   weft_group_join_until, await_end    joiner
 *
 * Claims
 *   when the join has returned no thread of the group runs, and nobody touches the group any more;
 *   nobody touches the record of a thread that has ended;
 *   at rest the group has been joined, unless one of its threads waits, none has failed, and the joiner was not
 *   cancelled.
 *
 * Broken variants (-D)
 *   COUNT_LATE      a thread counts from its first step, not from before its spawn
 *   ENTER_BLIND     who enters does not look whether the group is cancelled
 *   MARKED_AFTER    the canceller walks, and marks the group as cancelled in another section
 *   FAIL_SILENT     a failure does not cancel the others
 *   ENDS_LISTED     a thread ends in the list
 *   COUNT_UNLOCKED  the joiner reads the count without the lock
 *   LAST_SILENT     the last one does not wake the joiner
 *   JOIN_LEAVES     a joiner that is cancelled does not wait for the threads
 *   CANCEL_SILENT   it waits for them, and does not cancel them
 */
#define N	3
#define JOINER	3

bit lock_word, is_cancelled, is_gone, joined, joiner_cancelled;
byte count;
bit started[N], listed[N], marked[N], waits[N], has_record[N];
bit has_failed;			/* ghost: a thread, or the joiner was cancelled */
bit waiting, woken;		/* the joiner's waiter */
byte alive;			/* ghost: from spawn to the last step in the group */

#define touch()	assert(!is_gone)

inline lock()
{
	atomic { !lock_word -> touch(); lock_word = 1 }
}

inline unlock()
{
	atomic { touch(); lock_word = 0 }
}

inline spawn(x)
{
#ifndef COUNT_LATE
	lock();
	count++;
	unlock();
#endif
	atomic { has_record[x] = 1; alive++; started[x] = 1 }
}

inline mark(x)
{
	atomic {
		if
		:: listed[x] -> assert(has_record[x]); marked[x] = 1
		:: else
		fi
	}
}

/* With the lock held. */
inline cancel_all()
{
	if
	:: !is_cancelled ->
#ifndef MARKED_AFTER
		is_cancelled = 1;
#endif
		mark(0);
		mark(1);
		mark(2);
#ifdef MARKED_AFTER
		unlock();
		lock();
		is_cancelled = 1
#endif
	:: else
	fi
}

proctype thread(byte me)
{
	bit fails;

end:	started[me];
	lock();					/* enter */
#ifdef COUNT_LATE
	count++;
#endif
	listed[me] = 1;
#ifndef ENTER_BLIND
	if
	:: is_cancelled -> marked[me] = 1
	:: else
	fi;
#endif
	unlock();

	if
	:: me == 0 -> spawn(2)
	:: true
	fi;
	if
	:: true
	:: fails = 1
	:: waits[me] = 1;
end_waits:	marked[me];
		waits[me] = 0;
		fails = 1
	fi;

	lock();					/* leave */
#ifndef ENDS_LISTED
	listed[me] = 0;
#endif
#ifndef FAIL_SILENT
	if
	:: fails -> cancel_all()
	:: else
	fi;
#endif
	atomic {
		count--;
		alive--;
		has_failed = has_failed | fails;
		if
#ifndef LAST_SILENT
		:: count == 0 && waiting -> waiting = 0; woken = 1
#endif
		:: else
		fi
	}
	unlock();
	atomic { has_record[me] = 0; marked[me] = 0 }
}

proctype joiner()
{
	bit is_firm;

	spawn(0);
	spawn(1);
	do
#ifdef COUNT_UNLOCKED
	:: count == 0 -> break
	:: count > 0 ->
		lock();
#else
	:: lock();
#endif
		if
		:: count == 0 ->
#ifdef COUNT_UNLOCKED
			unlock();
#endif
			break
		:: else -> waiting = 1
		fi;
		unlock();
end_joins:	if
		:: atomic { woken -> woken = 0 }
		:: atomic { !is_firm && joiner_cancelled && !woken -> joiner_cancelled = 0; has_failed = 1 }
			lock();
			atomic { waiting = 0; woken = 0 }
#ifdef JOIN_LEAVES
			break;
#endif
			unlock();
			lock();
#ifndef CANCEL_SILENT
			cancel_all();
#endif
			is_firm = 1;
			unlock()
		fi
	od;
#ifndef COUNT_UNLOCKED
	unlock();
#endif
	atomic { is_gone = 1; joined = 1; assert(alive == 0) }
}

proctype canceller()
{
	if
	:: joiner_cancelled = 1
	:: true
	fi
}

#define STILL(x)	(waits[x] && !marked[x])

init {
	atomic {
		run thread(0);
		run thread(1);
		run thread(2);
		run canceller();
		run joiner()
	}
	timeout;
	assert(joined || (!has_failed && !joiner_cancelled && (STILL(0) || STILL(1) || STILL(2))))
}
