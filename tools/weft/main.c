/* SPDX-License-Identifier: MIT */
/* The command `weft`: a table of commands, each a file or a room of its own. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <weft/version.h>

#include "command.h"

static int show_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("weft %s\n", weft_version());
	return 0;
}

static int show_help(int argc, char **argv);

static const struct command {
	const char *name, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "serve", "answer HTTP from a directory, and show the threads that do it",
	  weft__command_serve },
	{ "bench", "measure threads, locks and pools, here and now, beside others",
	  weft__command_bench },
	{ "soak", "run libraries unchanged on many threads, and compare what they give",
	  weft__command_soak },
	{ "version", "say which version this is", show_version },
	{ "help", "say this; 'help COMMAND' says more about one", show_help },
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *to)
{
	fputs("weft: threads, and what one can do with them\n"
	      "\n"
	      "usage: weft COMMAND [ARGUMENTS]\n"
	      "\n",
	      to);
	for (int i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s%s\n", commands[i].name, commands[i].what);
	fputs("\n'weft COMMAND --help' says what a command takes.\n", to);
}

static const struct command *find(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int say_unknown(const char *name)
{
	const char *names[COMMANDS + 1], *nearest;

	for (int i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	names[COMMANDS] = NULL;
	nearest = weft__command_nearest(name, names);
	fprintf(stderr, "weft: there is no command '%s'", name);
	if (nearest != NULL)
		fprintf(stderr, "; did you mean '%s'?\n", nearest);
	else
		fputs("; 'weft help' lists them\n", stderr);
	return 2;
}

static int show_help(int argc, char **argv)
{
	static char help[] = "--help";
	const struct command *command;

	if (argc < 2) {
		print_help(stdout);
		return 0;
	}
	command = find(argv[1]);
	if (command == NULL)
		return say_unknown(argv[1]);
	if (command->run == show_help || command->run == show_version) {
		printf("weft %s: %s\n", command->name, command->what);
		return 0;
	}
	return command->run(2, (char *[]){ argv[1], help, NULL });
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return show_help(1, argv + 1);
	if (strcmp(argv[1], "--version") == 0)
		return show_version(1, argv + 1);
	command = find(argv[1]);
	if (command == NULL)
		return say_unknown(argv[1]);
	return command->run(argc - 1, argv + 1);
}
