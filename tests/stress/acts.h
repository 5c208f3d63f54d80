/* SPDX-License-Identifier: MIT */
/*
 * What an actor can do, one file for each noun. _act does one thing of its kind; _begin, _stop,
 * _wait and _end, where there are, as those of acts.c (stress.h).
 */
#ifndef WEFT_TESTS_STRESS_ACTS_H
#define WEFT_TESTS_STRESS_ACTS_H

#include "stress.h"

/* Locks: who has it is alone with what it guards. */
void mutex_act(struct actor *actor);
void mutex_end(void);
void spin_act(struct actor *actor);
void spin_end(void);
void rwlock_act(struct actor *actor);
void rwlock_end(void);
void owned_act(struct actor *actor);
void owned_begin(void);
void owned_end(void);

/* Waits for what others do. */
void sem_act(struct actor *actor);
void sem_end(void);
void cond_act(struct actor *actor);
void cond_stop(void);
void cond_end(void);
void event_act(struct actor *actor);
void event_stop(void);
void event_end(void);
void chan_act(struct actor *actor);
void chan_stop(void);
void chan_end(void);
void select_act(struct actor *actor);

/* A group of guests, who do one thing together (party.h). */
void party_act(struct actor *actor);

void scope_act(struct actor *actor);
void slot_act(struct actor *actor);
void slot_begin(void);
void slot_end(void);
void threads_act(struct actor *actor);
void threads_wait(void);
void lines_act(struct actor *actor);
void lines_begin(void);
void lines_stop(void);
void lines_end(void);

#endif
