/* SPDX-License-Identifier: MIT */
/*
 * Credentials: the C library changes them for every kernel thread of the process, by a signal to
 * each, and waits for all. It must end, and all kernel threads must have them.
 */
#include <dirent.h>
#include <grp.h>

#include "world.h"

#define NOBODY 65534

static int set_what_they_are(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		check(setgid(getgid()) == 0);
		check(setuid(getuid()) == 0);
	}
	return 0;
}

static int set_in_several(void *arg)
{
	weft_thread *threads[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		threads[i] = world_start(set_what_they_are, NULL);
	for (int i = 0; i < 4; i++)
		check(world_finish(threads[i]) == 0);
	return 0;
}

/* The line "Uid:" of each kernel thread names that number four times. */
static void check_each_kernel_thread(unsigned id)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	int count = 0;

	check(tasks != NULL);
	while ((task = readdir(tasks)) != NULL) {
		char path[300], line[200];
		unsigned ids[4] = { 0 };
		FILE *status;

		if (task->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
		status = fopen(path, "r");
		if (status == NULL)
			continue; /* it has ended */
		while (fgets(line, sizeof line, status) != NULL)
			if (sscanf(line, "Uid: %u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) ==
			    4)
				break;
		fclose(status);
		for (int i = 0; i < 4; i++)
			check(ids[i] == id);
		count++;
	}
	closedir(tasks);
	check(count > 1);
}

static int become_nobody(void *arg)
{
	(void)arg;
	check(setgroups(0, NULL) == 0);
	check(setresgid(NOBODY, NOBODY, NOBODY) == 0);
	check(setresuid(NOBODY, NOBODY, NOBODY) == 0);
	check_each_kernel_thread(NOBODY);
	check(setuid(0) == -1 && errno == EPERM);
	return 0;
}

static void setting_them_ends(void **state)
{
	(void)state;
	world_run_both(set_in_several, NULL);
}

/* In a child, for there is no way back. */
static void every_kernel_thread_changes(void **state)
{
	static const weft_kind kinds[] = { WEFT_LIGHT, WEFT_USER };

	(void)state;
	if (getuid() != 0)
		skip();
	for (int i = 0; i < 2; i++) {
		pid_t child;

		if (kinds[i] == WEFT_USER && !world_has_user())
			continue;
		fflush(NULL);
		child = fork();
		if (child == 0) {
			world_run(become_nobody, NULL, kinds[i], 2);
			_exit(0);
		}
		assert_int_equal(world_reap(child), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_case(setting_them_ends),
		world_case(every_kernel_thread_changes),
	};

	world_watch(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
