/* SPDX-License-Identifier: MIT */
/* Reading litmus programs: a line at a time, word for word. What is wrong is said with its line. */
#include "program.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 24

struct reader {
	struct program program;
	int line, at, count;
	char *words[WORDS];
};

__attribute__((noreturn, format(printf, 2, 3))) static void refuse(const struct reader *reader,
								   const char *format, ...)
{
	va_list list;

	fprintf(stderr, "%s:%d: ", reader->program.file, reader->line);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(2);
}

static const char *next(struct reader *reader)
{
	if (reader->at >= reader->count)
		refuse(reader, "something is missing at the end of the line");
	return reader->words[reader->at++];
}

static bool is_next(struct reader *reader, const char *word)
{
	if (reader->at >= reader->count || strcmp(reader->words[reader->at], word) != 0)
		return false;
	reader->at++;
	return true;
}

static int find(char names[][24], int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static void name_it(const struct reader *reader, char *to, size_t room, const char *name)
{
	if (snprintf(to, room, "%s", name) >= (int)room)
		refuse(reader, "'%s' is too long", name);
}

static int number_of(const struct reader *reader, const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text || *end != '\0' || number < -100 || number > 100)
		refuse(reader, "'%s' is no register and no number from -100 to 100", text);
	return (int)number;
}

static struct thread *thread_of(struct reader *reader)
{
	if (reader->program.thread_count == 0)
		refuse(reader, "no thread yet");
	return &reader->program.threads[reader->program.thread_count - 1];
}

/* Of this thread: what another one loaded is not known here. */
static int known_register(struct reader *reader, const char *name)
{
	struct program *program = &reader->program;
	int reg = find(program->registers, program->register_count, name);

	if (reg >= 0 && program->register_owner[reg] != program->thread_count)
		refuse(reader, "'%s' is another thread's register", name);
	return reg;
}

static int new_register(struct reader *reader, const char *name)
{
	struct program *program = &reader->program;
	int reg = known_register(reader, name);

	if (reg >= 0)
		return reg;
	if (program->register_count == REGISTERS)
		refuse(reader, "too many registers");
	if (find(program->variables, program->variable_count, name) >= 0)
		refuse(reader, "'%s' is a variable", name);
	reg = program->register_count++;
	name_it(reader, program->registers[reg], sizeof program->registers[reg], name);
	program->register_owner[reg] = program->thread_count;
	return reg;
}

static struct operand read_operand(struct reader *reader)
{
	char text[64];
	char *sign;
	struct operand operand = { .reg = -1 };

	name_it(reader, text, sizeof text, next(reader));
	sign = strpbrk(text + 1, "+-");
	if (sign != NULL) {
		operand.number = number_of(reader, *sign == '+' ? sign + 1 : sign);
		*sign = '\0';
		operand.reg = known_register(reader, text);
		if (operand.reg < 0)
			refuse(reader, "'%s' is no register of this thread", text);
		return operand;
	}
	operand.reg = known_register(reader, text);
	if (operand.reg < 0)
		operand.number = number_of(reader, text);
	return operand;
}

/* at_end: registers of all threads, and variables. */
static struct condition read_condition(struct reader *reader, bool at_end)
{
	struct program *program = &reader->program;
	struct condition condition = { 0 };
	char text[64];
	char *equals;

	name_it(reader, text, sizeof text, next(reader));
	equals = strchr(text, '=');
	if (equals == NULL || equals == text)
		refuse(reader, "'%s' is no condition: name=number or name!=number", text);
	condition.value = number_of(reader, equals + 1);
	condition.differs = equals[-1] == '!';
	equals[condition.differs ? -1 : 0] = '\0';
	condition.which = at_end ? find(program->registers, program->register_count, text)
				 : known_register(reader, text);
	if (condition.which < 0 && at_end) {
		condition.is_variable = true;
		condition.which = find(program->variables, program->variable_count, text);
	}
	if (condition.which < 0)
		refuse(reader, "nothing has the name '%s' here", text);
	return condition;
}

static void read_order(struct reader *reader, struct op *op, const char *order)
{
	if (strcmp(order, "acquire") == 0 || strcmp(order, "acq_rel") == 0)
		op->acquire = true;
	if (strcmp(order, "release") == 0 || strcmp(order, "acq_rel") == 0)
		op->release = true;
	op->acquires_in_vain = op->acquire && op->release;
	if (!op->acquire && !op->release && strcmp(order, "relaxed") != 0)
		refuse(reader, "there is no order '%s'", order);
	if ((op->kind == LOAD && op->release) || (op->kind == STORE && op->acquire))
		refuse(reader, "a %s has no such order", kind_name(op->kind));
}

/* "cas_acq_rel", "read", "full_fence" */
static void read_name(struct reader *reader, struct op *op, const char *name)
{
	for (int kind = 0; kind < KINDS; kind++) {
		size_t length = strlen(kind_name((enum kind)kind));
		bool has_order = kind >= LOAD && kind <= AND;

		if (strncmp(name, kind_name((enum kind)kind), length) != 0 ||
		    name[length] != (has_order ? '_' : '\0'))
			continue;
		op->kind = (enum kind)kind;
		if (has_order)
			read_order(reader, op, name + length + 1);
		return;
	}
	refuse(reader, "there is no operation '%s'", name);
}

static void read_spare(struct reader *reader, struct op *op)
{
	if (!is_next(reader, "|"))
		return;
	if (!is_next(reader, "spare"))
		refuse(reader, "after the bar: spare, spare acquire or spare release");
	op->spare_acquire = !is_next(reader, "release");
	op->spare_release = !op->spare_acquire || !is_next(reader, "acquire");
}

static void read_op(struct reader *reader)
{
	struct program *program = &reader->program;
	struct thread *thread = thread_of(reader);
	struct op *op = &thread->ops[thread->op_count];
	const char *to = NULL;

	if (thread->op_count++ == OPS)
		refuse(reader, "too many operations");
	*op = (struct op){ .to = -1, .variable = -1, .line = reader->line };
	op->has_condition = is_next(reader, "when");
	if (op->has_condition)
		op->condition = read_condition(reader, false);
	if (reader->at + 1 < reader->count && strcmp(reader->words[reader->at + 1], "=") == 0) {
		to = next(reader);
		reader->at++;
	}
	read_name(reader, op, next(reader));
	if (op->kind == STOP) {
		op->has_condition = is_next(reader, "when");
		if (op->has_condition)
			op->condition = read_condition(reader, false);
		return;
	}
	if (!op_is_barrier(op)) {
		const char *name = next(reader);

		op->variable = find(program->variables, program->variable_count, name);
		if (op->variable < 0)
			refuse(reader, "there is no variable '%s'", name);
		if (op->kind != READ && op->kind != LOAD)
			op->first = read_operand(reader);
		if (op->kind == CAS)
			op->second = read_operand(reader);
	}
	if (to != NULL && !op_reads(op))
		refuse(reader, "it gives nothing");
	if (to != NULL)
		op->to = new_register(reader, to);
	read_spare(reader, op);
}

static void read_thread(struct reader *reader, bool is_handler)
{
	struct program *program = &reader->program;
	struct thread *thread = &program->threads[program->thread_count];

	if (program->thread_count++ == THREADS)
		refuse(reader, "too many threads");
	name_it(reader, thread->name, sizeof thread->name, next(reader));
	thread->host = -1;
	if (!is_handler)
		return;
	if (!is_next(reader, "in"))
		refuse(reader, "in which thread?");
	for (int i = 0; i + 1 < program->thread_count; i++)
		if (strcmp(program->threads[i].name, reader->words[reader->at]) == 0)
			thread->host = i;
	if (thread->host < 0)
		refuse(reader, "there is no such thread yet");
	reader->at++;
}

static void read_start(struct reader *reader)
{
	struct program *program = &reader->program;

	while (reader->at < reader->count) {
		char *word = reader->words[reader->at++], *equals = strchr(word, '=');
		int variable = program->variable_count;

		if (variable == VARIABLES || equals == NULL)
			refuse(reader, "name=number, at most %d of them", VARIABLES);
		*equals = '\0';
		program->start[variable] = (int8_t)number_of(reader, equals + 1);
		name_it(reader, program->variables[variable], sizeof program->variables[variable],
			word);
		program->variable_count++;
	}
}

static void read_outcome(struct reader *reader, bool can)
{
	struct program *program = &reader->program;
	struct outcome *outcome = &program->outcomes[program->outcome_count];

	program->can = can;
	program->can_race = can && is_next(reader, "race");
	if (program->can_race)
		return;
	if (program->outcome_count++ == OUTCOMES)
		refuse(reader, "too many outcomes");
	do {
		if (outcome->count == CONDITIONS)
			refuse(reader, "too many conditions");
		outcome->all[outcome->count++] = read_condition(reader, true);
	} while (is_next(reader, "and"));
}

static void read_line(struct reader *reader)
{
	if (is_next(reader, "start"))
		read_start(reader);
	else if (is_next(reader, "thread"))
		read_thread(reader, false);
	else if (is_next(reader, "handler"))
		read_thread(reader, true);
	else if (is_next(reader, "never"))
		read_outcome(reader, false);
	else if (is_next(reader, "can"))
		read_outcome(reader, true);
	else
		read_op(reader);
	if (reader->at != reader->count)
		refuse(reader, "'%s' is too much", reader->words[reader->at]);
}

static void split(struct reader *reader, char *line)
{
	reader->count = reader->at = 0;
	for (char *word = strtok(line, " \t\n"); word != NULL; word = strtok(NULL, " \t\n")) {
		if (reader->count == WORDS)
			refuse(reader, "too many words");
		reader->words[reader->count++] = word;
	}
}

static void begin_program(struct reader *reader, const char *file, const char *title)
{
	memset(&reader->program, 0, sizeof reader->program);
	reader->program.file = file;
	reader->program.line = reader->line;
	snprintf(reader->program.title, sizeof reader->program.title, "%.*s",
		 (int)strcspn(title, "\n"), title);
}

static int each_in_file(const char *file, void (*use)(const struct program *program, void *arg),
			void *arg)
{
	static struct reader reader; /* large */
	char line[256];
	int count = 0;
	FILE *stream = fopen(file, "r");

	reader.line = 0;
	begin_program(&reader, file, "");
	if (stream == NULL)
		refuse(&reader, "cannot be opened");
	while (fgets(line, sizeof line, stream) != NULL) {
		reader.line++;
		if (strncmp(line, "program ", 8) == 0) {
			if (count++ > 0)
				use(&reader.program, arg);
			begin_program(&reader, file, line + 8);
			continue;
		}
		if (line[0] == '#')
			continue;
		split(&reader, line);
		if (reader.count > 0 && count == 0)
			refuse(&reader, "no program yet");
		if (reader.count > 0)
			read_line(&reader);
	}
	fclose(stream);
	if (count == 0)
		refuse(&reader, "no program");
	use(&reader.program, arg);
	return count;
}

static int is_litmus(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 7 && strcmp(entry->d_name + length - 7, ".litmus") == 0;
}

int program_each(const char *path, void (*use)(const struct program *program, void *arg), void *arg)
{
	struct dirent **entries;
	int found = scandir(path, &entries, is_litmus, alphasort), count = 0;

	if (found < 0)
		return each_in_file(path, use, arg);
	for (int i = 0; i < found; i++) {
		static char file[4096]; /* the programs name it */

		snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
		count += each_in_file(file, use, arg);
		free(entries[i]);
	}
	free(entries);
	return count;
}
