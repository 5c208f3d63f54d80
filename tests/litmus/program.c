/* SPDX-License-Identifier: MIT */
/* What holds in a litmus program, and what its operations make of a value. */
#include "program.h"

#include <stddef.h>

static const char *const kinds[KINDS] = {
	[READ] = "read",
	[WRITE] = "write",
	[LOAD] = "load",
	[STORE] = "store",
	[SWAP] = "swap",
	[CAS] = "cas",
	[ADD] = "add",
	[SUB] = "sub",
	[OR] = "or",
	[AND] = "and",
	[STOP] = "stop",
	[FENCE] = "full_fence",
	[HEAVY] = "heavy_barrier",
	[LIGHT] = "light_barrier",
	[COMPILER] = "compiler_barrier",
};

bool condition_holds(const struct condition *condition, const int8_t *registers,
		     const int8_t *variables)
{
	int value = condition->is_variable ? variables[condition->which]
					   : registers[condition->which];

	return value != UNSET && (value == condition->value) != condition->differs;
}

bool outcome_is(const struct program *program, const int8_t *registers, const int8_t *variables)
{
	for (int i = 0; i < program->outcome_count; i++) {
		const struct outcome *outcome = &program->outcomes[i];
		int held = 0;

		while (held < outcome->count &&
		       condition_holds(&outcome->all[held], registers, variables))
			held++;
		if (held == outcome->count)
			return true;
	}
	return false;
}

int8_t operand_value(const struct operand *operand, const int8_t *registers)
{
	return (int8_t)((operand->reg >= 0 ? registers[operand->reg] : 0) + operand->number);
}

int8_t op_modified(const struct op *op, int8_t seen, const int8_t *registers)
{
	int8_t value = operand_value(&op->first, registers);

	switch (op->kind) {
	case ADD:
		return (int8_t)(seen + value);
	case SUB:
		return (int8_t)(seen - value);
	case OR:
		return (int8_t)(seen | value);
	case AND:
		return (int8_t)(seen & value);
	case CAS:
		return operand_value(&op->second, registers);
	default:
		return value;
	}
}

const char *kind_name(enum kind kind)
{
	return kinds[kind];
}
