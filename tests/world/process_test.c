/* SPDX-License-Identifier: MIT */
/* Other programs, started by user threads: popen, system, posix_spawn, vfork. */
#include <spawn.h>

#include "world.h"

extern char **environ;

#define THREADS 4
#define ROUNDS 5

static int popen_once(void *arg)
{
	char line[64] = "", expected[64], command[64];
	FILE *pipe;

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(command, sizeof command, "echo thread %d round %d", (int)(intptr_t)arg, i);
		snprintf(expected, sizeof expected, "%s\n", command + sizeof "echo");
		pipe = popen(command, "r");
		check(pipe != NULL);
		check(fgets(line, sizeof line, pipe) != NULL);
		check(strcmp(line, expected) == 0);
		check(pclose(pipe) == 0);
	}
	return 0;
}

static int system_once(void *arg)
{
	char command[32];
	int expected = (int)(intptr_t)arg + 1;

	snprintf(command, sizeof command, "exit %d", expected);
	for (int i = 0; i < ROUNDS; i++) {
		int status = system(command);

		check(WIFEXITED(status) && WEXITSTATUS(status) == expected);
	}
	return 0;
}

static int posix_spawn_once(void *arg)
{
	char command[32];
	char *arguments[] = { "sh", "-c", command, NULL };
	int expected = (int)(intptr_t)arg + 1;

	snprintf(command, sizeof command, "exit %d", expected);
	for (int i = 0; i < ROUNDS; i++) {
		pid_t child;

		check(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0);
		check(world_reap(child) == expected);
	}
	return 0;
}

static int vfork_once(void *arg)
{
	char command[32];
	int expected = (int)(intptr_t)arg + 1;

	snprintf(command, sizeof command, "exit %d", expected);
	for (int i = 0; i < ROUNDS; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): it is what is
		 * tested */
		pid_t child = vfork();

		if (child == 0) {
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
			_exit(99);
		}
		check(world_reap(child) == expected);
	}
	return 0;
}

/* arg: one of those above */
static int in_several(void *arg)
{
	weft_thread *threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		threads[i] = world_start(*(weft_function **)arg, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++)
		check(world_finish(threads[i]) == 0);
	return 0;
}

static void run_several(weft_function *function)
{
	world_run_user(in_several, (void *)&function);
}

static void popen_reads_what_the_command_writes(void **state)
{
	(void)state;
	run_several(popen_once);
}

static void system_answers_the_status(void **state)
{
	(void)state;
	run_several(system_once);
}

static void posix_spawn_starts_a_program(void **state)
{
	(void)state;
	run_several(posix_spawn_once);
}

static void vfork_and_exec_start_a_program(void **state)
{
	(void)state;
	run_several(vfork_once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_case(popen_reads_what_the_command_writes),
		world_case(system_answers_the_status),
		world_case(posix_spawn_starts_a_program),
		world_case(vfork_and_exec_start_a_program),
	};

	world_watch(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
