/* SPDX-License-Identifier: MIT */
#include "search.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- the states that were seen: their hashes, of 128 bits */
struct hash {
	uint64_t low, high;
};

struct seen {
	struct hash *table;
	size_t room, count;
};

static void mix(struct hash *hash, const void *bytes, size_t count)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < count; i++) {
		hash->low = (hash->low ^ at[i]) * 0x9e3779b97f4a7c15u;
		hash->low ^= hash->low >> 29;
		hash->high = (hash->high + at[i] + 1) * 0xc2b2ae3d27d4eb4fu;
		hash->high ^= hash->high >> 31;
	}
}

static struct hash hash_of(const struct program *program, const struct state *state)
{
	struct hash hash = { 1, 2 };

	mix(&hash, state->registers, (size_t)program->register_count);
	mix(&hash, state->locals, (size_t)program->thread_count * sizeof state->locals[0]);
	mix(&hash, state->fences, (size_t)program->variable_count);
	for (int i = 0; i < program->variable_count; i++) {
		const struct place *place = &state->places[i];

		mix(&hash, &place->count, 1);
		mix(&hash, place->messages, place->count * sizeof place->messages[0]);
		mix(&hash, place->plain_read, 4 * sizeof place->plain_read);
	}
	hash.low |= 1; /* 0 is an empty entry */
	return hash;
}

static struct hash *entry_of(const struct seen *seen, struct hash hash)
{
	size_t i = (size_t)hash.high & (seen->room - 1);

	while (seen->table[i].low != 0 &&
	       (seen->table[i].low != hash.low || seen->table[i].high != hash.high))
		i = (i + 1) & (seen->room - 1);
	return &seen->table[i];
}

static void grow(struct seen *seen)
{
	struct seen larger = { .room = seen->room == 0 ? 4096 : 2 * seen->room };

	larger.table = calloc(larger.room, sizeof *larger.table);
	assert(larger.table != NULL);
	for (size_t i = 0; i < seen->room; i++)
		if (seen->table[i].low != 0)
			*entry_of(&larger, seen->table[i]) = seen->table[i];
	free(seen->table);
	seen->table = larger.table;
	seen->room = larger.room;
}

/* Returns whether it is new. */
static bool note(struct seen *seen, struct hash hash)
{
	struct hash *entry;

	if (2 * seen->count >= seen->room)
		grow(seen);
	entry = entry_of(seen, hash);
	if (entry->low != 0)
		return false;
	*entry = hash;
	seen->count++;
	return true;
}

/* ---- the search */
struct walk {
	struct machine machine;
	struct seen seen;
	struct search *search;
	int depth;
};

static void walk_from(struct walk *walk, const struct state *state)
{
	const struct program *program = walk->machine.program;

	if (machine_is_at_end(program, state) && machine_has_outcome(program, state)) {
		walk->search->found = OUTCOME;
		walk->search->length = walk->depth;
		return;
	}
	machine_steps(&walk->machine, state);
}

static void take(struct machine *machine, const struct state *state, const struct step *step)
{
	struct walk *walk = (struct walk *)machine;

	if (walk->search->found != NOTHING || !note(&walk->seen, hash_of(machine->program, state)))
		return;
	assert(walk->depth < (int)(sizeof walk->search->trace / sizeof *walk->search->trace));
	walk->search->trace[walk->depth++] = *step;
	walk_from(walk, state);
	walk->depth--;
}

static void meet_race(struct machine *machine, const struct step *step)
{
	struct walk *walk = (struct walk *)machine;

	if (walk->search->found != NOTHING)
		return;
	walk->search->found = RACE;
	walk->search->trace[walk->depth] = *step;
	walk->search->length = walk->depth + 1;
}

void search(const struct program *program, bool fenced, struct search *out_search)
{
	struct walk walk = {
		.machine = { program, fenced, take, meet_race },
		.search = out_search,
	};
	struct state state;

	memset(out_search, 0, sizeof *out_search);
	machine_start(program, &state);
	walk_from(&walk, &state);
	out_search->states = (long)walk.seen.count;
	free(walk.seen.table);
}

void search_print(const struct program *program, const struct search *search, FILE *stream)
{
	for (int i = 0; i < search->length; i++) {
		const struct step *step = &search->trace[i];
		const struct op *op = step->op;

		if (step->value == UNSET)
			continue;
		fprintf(stream, "      %-12s line %-4d %s%s", program->threads[step->thread].name,
			step->line, kind_name(op->kind),
			op->acquire && op->release ? "_acq_rel"
			: op->acquire              ? "_acquire"
			: op->release              ? "_release"
						   : "");
		if (op->variable >= 0)
			fprintf(stream, " %s %s %d%s", program->variables[op->variable],
				op_reads(op) ? "saw" : "is", step->value,
				op_reads(op) && step->stored ? ", stored" : "");
		fprintf(stream, "\n");
	}
	if (search->found == RACE)
		fprintf(stream, "      the last one races with an earlier one\n");
}

/* ---- one thing left out */
static void remove_op(struct thread *thread, int index)
{
	memmove(&thread->ops[index], &thread->ops[index + 1],
		(size_t)(thread->op_count - index - 1) * sizeof thread->ops[0]);
	thread->op_count--;
}

static void exchange_neighbours(struct thread *thread, int index)
{
	struct op before;

	assert(index > 0 && index + 1 < thread->op_count);
	before = thread->ops[index - 1];
	thread->ops[index - 1] = thread->ops[index + 1];
	thread->ops[index + 1] = before;
}

static void leave_barrier_out(struct weaker *weaker, int thread, int index)
{
	const struct op *op = weaker->op;

	weaker->is_spare = op->spare_acquire;
	weaker->is_barrier = true;
	weaker->what = "barrier";
	if (op->kind == LIGHT || op->kind == COMPILER)
		exchange_neighbours(&weaker->program.threads[thread], index);
	else
		remove_op(&weaker->program.threads[thread], index);
}

static void leave_half_out(struct weaker *weaker, struct op *op, bool acquire)
{
	weaker->is_barrier = false;
	weaker->is_spare = acquire ? op->spare_acquire : op->spare_release;
	weaker->what = acquire ? "acquire" : "release";
	if (acquire)
		op->acquire = op->acquires_in_vain = false;
	else
		op->release = false;
}

bool search_weaker(const struct program *program, int which, struct weaker *out_weaker)
{
	for (int i = 0; i < program->thread_count; i++) {
		for (int j = 0; j < program->threads[i].op_count; j++) {
			const struct op *op = &program->threads[i].ops[j];

			for (int half = 0; half < 2; half++) {
				bool barrier = half == 0 && op_is_barrier(op);

				if (!barrier && !(half == 0 ? op->acquire : op->release))
					continue;
				if (which-- > 0)
					continue;
				out_weaker->program = *program;
				out_weaker->op = op;
				if (barrier)
					leave_barrier_out(out_weaker, i, j);
				else
					leave_half_out(out_weaker,
						       &out_weaker->program.threads[i].ops[j],
						       half == 0);
				return true;
			}
		}
	}
	return false;
}
