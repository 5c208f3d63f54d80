/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <assert.h>
#include <string.h>

#define IN_HEAVY 0x80u

/* ---- views */
static void join(struct view *view, const struct view *other)
{
	for (int i = 0; i < VARIABLES; i++)
		if (view->at[i] < other->at[i])
			view->at[i] = other->at[i];
	for (int i = 0; i < THREADS; i++)
		if (view->clock[i] < other->clock[i])
			view->clock[i] = other->clock[i];
}

static void move_up(struct view *view, int variable, int from)
{
	if (view->at[variable] >= from)
		view->at[variable]++;
}

/* Makes room for a message at `index`: all that names one at or behind it names the next. */
static struct message *insert(struct state *state, int variable, int index)
{
	struct place *place = &state->places[variable];

	assert(place->count < MESSAGES);
	memmove(&place->messages[index + 1], &place->messages[index],
		(size_t)(place->count - index) * sizeof place->messages[0]);
	place->count++;
	memset(&place->messages[index], 0, sizeof place->messages[index]);
	for (int i = 0; i < VARIABLES; i++)
		for (int j = 0; j < state->places[i].count; j++)
			move_up(&state->places[i].messages[j].view, variable, index);
	for (int i = 0; i < THREADS; i++) {
		move_up(&state->locals[i].current, variable, index);
		move_up(&state->locals[i].acquired, variable, index);
		move_up(&state->locals[i].released, variable, index);
	}
	if (state->fences[variable] >= index)
		state->fences[variable]++;
	return &place->messages[index];
}

static void fence(struct state *state, int thread)
{
	struct local *local = &state->locals[thread];
	struct view *view = &local->current;

	join(view, &local->acquired);
	for (int i = 0; i < VARIABLES; i++) {
		if (view->at[i] < state->fences[i])
			view->at[i] = state->fences[i];
		state->fences[i] = view->at[i];
	}
	local->acquired = local->released = *view;
}

/* ---- one operation; whose: a handler's views are its host's */
struct turn {
	struct machine *machine;
	const struct op *op;
	int thread, whose;
};

static bool is_later(const uint8_t *clocks, const struct view *view)
{
	for (int i = 0; i < THREADS; i++)
		if (clocks[i] > view->clock[i])
			return true;
	return false;
}

/* Notes the access. Returns whether it races with one that does not come before it. */
static bool is_race(const struct turn *turn, struct state *state, bool writes)
{
	struct place *place = &state->places[turn->op->variable];
	struct local *local = &state->locals[turn->whose];
	const struct view *view = &local->current;
	bool plain = turn->op->kind == READ || turn->op->kind == WRITE;
	bool race = is_later(place->plain_written, view) ||
		    (plain && is_later(place->written, view)) ||
		    (writes && is_later(place->plain_read, view)) ||
		    (plain && writes && is_later(place->read, view));

	if (plain)
		(writes ? place->plain_written : place->plain_read)[turn->whose] = local->steps;
	else
		(writes ? place->written : place->read)[turn->whose] = local->steps;
	return race;
}

static void see(const struct turn *turn, struct state *state, int index, bool acquires)
{
	const struct message *message = &state->places[turn->op->variable].messages[index];
	struct local *local = &state->locals[turn->whose];

	local->current.at[turn->op->variable] = (uint8_t)index;
	join(&local->acquired, &local->current);
	join(&local->acquired, &message->view);
	if (acquires)
		join(&local->current, &message->view);
	if (turn->op->to >= 0)
		state->registers[turn->op->to] = message->value;
}

/* behind: the message that it follows. */
static void put(const struct turn *turn, struct state *state, int behind, int8_t value,
		bool is_modified)
{
	int variable = turn->op->variable;
	struct local *local = &state->locals[turn->whose];
	struct message *message = insert(state, variable, behind + 1);

	local->current.at[variable] = (uint8_t)(behind + 1);
	join(&local->acquired, &local->current);
	message->value = value;
	message->follows = is_modified;
	message->view = turn->op->release ? local->current : local->released;
	message->view.at[variable] = (uint8_t)(behind + 1);
	if (is_modified)
		join(&message->view, &message[-1].view);
}

static void take(const struct turn *turn, struct state *state, int value, bool stored)
{
	struct step step = { turn->thread, turn->op->line, value, turn->op, stored };

	turn->machine->take(turn->machine, state, &step);
}

static bool is_followed(const struct place *place, int index)
{
	return index + 1 < place->count && place->messages[index + 1].follows;
}

/* From message `index`: load, or read-modify-write. */
static void take_message(const struct turn *turn, const struct state *before, int index)
{
	const struct op *op = turn->op;
	const struct place *place = &before->places[op->variable];
	int8_t seen = place->messages[index].value, value;
	bool writes = op->kind >= SWAP && op->kind <= AND, acquires = op->acquire;
	struct state state = *before;

	if (op->kind == CAS && seen != operand_value(&op->first, before->registers)) {
		writes = false;
		acquires = op->acquires_in_vain;
	}
	if (writes && is_followed(place, index))
		return;
	if (is_race(turn, &state, writes)) {
		struct step step = { turn->thread, op->line, seen, op, false };

		turn->machine->race(turn->machine, &step);
		return;
	}
	value = op_modified(op, seen, before->registers);
	see(turn, &state, index, acquires);
	if (writes)
		put(turn, &state, index, value, true);
	take(turn, &state, seen, writes);
}

static void take_store(const struct turn *turn, const struct state *before, int behind)
{
	struct state state = *before;
	int8_t value = operand_value(&turn->op->first, before->registers);

	if (is_followed(&before->places[turn->op->variable], behind))
		return;
	if (is_race(turn, &state, true)) {
		struct step step = { turn->thread, turn->op->line, value, turn->op, true };

		turn->machine->race(turn->machine, &step);
		return;
	}
	put(turn, &state, behind, value, false);
	take(turn, &state, value, true);
}

static void take_access(const struct turn *turn, const struct state *state)
{
	const struct op *op = turn->op;
	int last = state->places[op->variable].count - 1;
	int first = state->locals[turn->whose].current.at[op->variable];

	/* Without a race a plain access comes after all that it conflicts with. */
	if (op->kind == READ || op->kind == WRITE)
		first = last;
	for (int i = first; i <= last; i++) {
		if (op_reads(op))
			take_message(turn, state, i);
		else
			take_store(turn, state, i);
	}
}

/* ---- barriers */
static void take_heavy(const struct turn *turn, const struct state *before)
{
	const struct program *program = turn->machine->program;
	unsigned heavy = before->locals[turn->thread].heavy;

	if (heavy == 0) {
		struct state state = *before;

		fence(&state, turn->thread);
		heavy = IN_HEAVY;
		for (int i = 0; i < program->thread_count; i++)
			if (i != turn->thread && program->threads[i].host < 0)
				heavy |= 1u << i;
		state.locals[turn->thread].heavy = (uint8_t)heavy;
		state.locals[turn->thread].pc--;
		take(turn, &state, 0, false);
		return;
	}
	for (int i = 0; i < THREADS; i++) {
		struct state state = *before;

		if ((heavy & 1u << i) == 0)
			continue;
		fence(&state, i);
		state.locals[turn->thread].heavy &= (uint8_t) ~(1u << i);
		if (state.locals[turn->thread].heavy == IN_HEAVY) {
			fence(&state, turn->thread);
			state.locals[turn->thread].heavy = 0;
		} else {
			state.locals[turn->thread].pc--;
		}
		take(turn, &state, i, false);
	}
}

static void take_barrier(const struct turn *turn, const struct state *before)
{
	struct state state = *before;
	enum kind kind = turn->op->kind;

	if (kind == HEAVY && !turn->machine->fenced) {
		take_heavy(turn, before);
		return;
	}
	if (kind == FENCE || (kind != COMPILER && turn->machine->fenced))
		fence(&state, turn->whose);
	take(turn, &state, 0, false);
}

/* ---- the machine */
static bool is_interrupted(const struct program *program, const struct state *state, int thread)
{
	for (int i = 0; i < program->thread_count; i++)
		if (program->threads[i].host == thread && state->locals[i].pc > 0 &&
		    state->locals[i].pc < program->threads[i].op_count)
			return true;
	return false;
}

static void step_thread(struct machine *machine, const struct state *before, int index)
{
	const struct thread *thread = &machine->program->threads[index];
	struct state state = *before;
	struct turn turn = { machine, &thread->ops[before->locals[index].pc], index,
			     thread->host < 0 ? index : thread->host };
	bool is_skipped = turn.op->has_condition &&
			  !condition_holds(&turn.op->condition, before->registers, NULL);
	struct local *whose = &state.locals[turn.whose];

	state.locals[index].pc++;
	whose->steps++;
	whose->current.clock[turn.whose] = whose->acquired.clock[turn.whose] = whose->steps;
	if (is_skipped) {
		take(&turn, &state, UNSET, false);
	} else if (turn.op->kind == STOP) {
		state.locals[index].pc = (uint8_t)thread->op_count;
		take(&turn, &state, 0, false);
	} else if (op_is_barrier(turn.op)) {
		take_barrier(&turn, &state);
	} else {
		take_access(&turn, &state);
	}
}

void machine_start(const struct program *program, struct state *out_state)
{
	memset(out_state, 0, sizeof *out_state);
	memset(out_state->registers, UNSET, sizeof out_state->registers);
	for (int i = 0; i < program->variable_count; i++) {
		out_state->places[i].count = 1;
		out_state->places[i].messages[0].value = program->start[i];
	}
}

void machine_steps(struct machine *machine, const struct state *state)
{
	const struct program *program = machine->program;

	for (int i = 0; i < program->thread_count; i++)
		if (state->locals[i].pc < program->threads[i].op_count &&
		    !is_interrupted(program, state, i))
			step_thread(machine, state, i);
}

bool machine_is_at_end(const struct program *program, const struct state *state)
{
	for (int i = 0; i < program->thread_count; i++) {
		bool may_wait = program->threads[i].host >= 0 && state->locals[i].pc == 0;

		if (state->locals[i].pc < program->threads[i].op_count && !may_wait)
			return false;
	}
	return true;
}

bool machine_has_outcome(const struct program *program, const struct state *state)
{
	int8_t variables[VARIABLES] = { 0 };

	for (int i = 0; i < program->variable_count; i++)
		variables[i] = state->places[i].messages[state->places[i].count - 1].value;
	return outcome_is(program, state->registers, variables);
}
