/* SPDX-License-Identifier: MIT */
/*
 * The command itself: what ten thousand connections leave behind, how it ends, what it says when it
 * cannot begin. argv[1] is the command.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "folder.h"
#include "kinds.h"

#define CONNECTIONS 10000
#define GROWTH_KIB 64
/* A carrier that was blocked is replaced by another, which ends after some seconds of rest. Each
 * has descriptors and stacks of its own. */
#define CARRIERS_MORE 2
#define CARRIER_FDS 4
#define CARRIER_KIB 32

static char *command;

static struct child {
	pid_t pid;
	FILE *output;
	char address[64], admin[64];
} child;

static void run(char *const argv[])
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	child.pid = fork();
	if (child.pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	assert_true(child.pid > 0);
	close(ends[1]);
	child.output = fdopen(ends[0], "r");
	assert_non_null(child.output);
}

static void read_address(char *out, size_t bytes)
{
	char line[512];
	const char *from;

	assert_non_null(fgets(line, sizeof line, child.output));
	from = strstr(line, "http://");
	if (from == NULL)
		fail_msg("%s", line);
	snprintf(out, bytes, "%.*s", (int)strcspn(from + 7, "\n"), from + 7);
}

static void start(const char *kind)
{
	static char directory[256];

	folder_create();
	folder_print("index.html", "hello");
	snprintf(directory, sizeof directory, "%s", folder_path("."));
	run((char *[]){ command, "serve", directory, "--listen", "127.0.0.1:0", "--admin",
			"127.0.0.1:0", "--kind", (char *)(uintptr_t)kind, "--max-connections",
			"11000", NULL });
	read_address(child.address, sizeof child.address);
	read_address(child.admin, sizeof child.admin);
}

/* Returns the exit status, or minus the signal. */
static int wait_for_child(void)
{
	char line[512];
	int status;

	while (fgets(line, sizeof line, child.output) != NULL)
		;
	fclose(child.output);
	assert_true(waitpid(child.pid, &status, 0) == child.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int count_entries(const char *folder)
{
	char path[64];
	int count = 0;
	DIR *entries;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)child.pid, folder);
	entries = opendir(path);
	assert_non_null(entries);
	while (readdir(entries) != NULL)
		count++;
	closedir(entries);
	return count;
}

/* Counted page by page: what status says is off by up to 32 pages for each CPU. */
static long resident_kib(void)
{
	char path[64], line[256];
	long kib = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)child.pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		sscanf(line, "Rss: %ld", &kib);
	fclose(file);
	return kib;
}

/* A number of the admin's snapshot. */
static long ask_for(const char *name)
{
	char host[128], key[64];
	struct answer answer;
	int fd = client_connect(child.admin);
	const char *at;
	long value;

	snprintf(host, sizeof host, "GET /threads.json HTTP/1.1\r\nHost: %s\r\n\r\n", child.admin);
	client_send(fd, host);
	client_answer(fd, true, &answer);
	assert_int_equal(answer.status, 200);
	snprintf(key, sizeof key, "\"%s\":", name);
	at = strstr(answer.body, key);
	assert_non_null(at);
	value = atol(at + strlen(key));
	free(answer.body);
	client_close(fd);
	return value;
}

static int connections_possible(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur >= CONNECTIONS + 1000 ? CONNECTIONS : (int)limit.rlim_cur - 1000;
}

static void open_use_and_close(int *fds, int count)
{
	struct answer answer;

	for (int i = 0; i < count; i++) {
		fds[i] = client_connect(child.address);
		client_send(fds[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	for (int i = 0; i < count; i++) {
		client_answer(fds[i], true, &answer);
		assert_int_equal(answer.status, 200);
		assert_string_equal(answer.body, "hello");
		free(answer.body);
	}
	assert_int_equal(ask_for("connections"), count);
	for (int i = 0; i < count; i++)
		client_close(fds[i]);
	while (ask_for("connections") != 0)
		usleep(10 * 1000);
}

static void ten_thousand_connections_leave_nothing(const char *kind)
{
	static int fds[CONNECTIONS];
	int count = connections_possible();
	int threads[3], descriptors[3];
	long resident[3];

	print_message("%d connections, %s workers\n", count, kind);
	start(kind);
	for (int round = 0; round < 3; round++) {
		open_use_and_close(fds, count);
		/* The admin's own connection may still be on its way out. */
		usleep(100 * 1000);
		threads[round] = count_entries("task");
		descriptors[round] = count_entries("fd");
		resident[round] = resident_kib();
		print_message("round %d: %d threads, %d descriptors, %ld KiB\n", round + 1,
			      threads[round], descriptors[round], resident[round]);
	}
	for (int round = 1; round < 3; round++) {
		assert_in_range(threads[round], 1, threads[0] + CARRIERS_MORE);
		assert_in_range(descriptors[round], 1,
				descriptors[0] + CARRIERS_MORE * CARRIER_FDS);
		assert_true(resident[round] - resident[0] <=
			    GROWTH_KIB + CARRIERS_MORE * CARRIER_KIB);
	}
	kill(child.pid, SIGTERM);
	assert_int_equal(wait_for_child(), 0);
	folder_destroy();
}

static void nothing_is_left_of_ten_thousand_with_light_workers(void **state)
{
	(void)state;
	ten_thousand_connections_leave_nothing("light");
}

static void nothing_is_left_of_ten_thousand_with_kernel_workers(void **state)
{
	(void)state;
	ten_thousand_connections_leave_nothing("kernel");
}

static void a_signal_ends_it_in_order(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct answer answer;

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd;

		start("light");
		fd = client_connect(child.address);
		client_get(fd, "/", "", &answer);
		free(answer.body);
		kill(child.pid, signals[i]);
		client_expect_end(fd);
		assert_int_equal(wait_for_child(), 0);
		client_close(fd);
		folder_destroy();
	}
}

static void a_second_signal_does_not_wait(void **state)
{
	struct answer answer;
	char path[256];
	int fd;

	(void)state;
	start("light");
	snprintf(path, sizeof path, "%s", folder_path("huge"));
	folder_print("huge", "");
	assert_int_equal(truncate(path, 1 << 30), 0);
	fd = client_connect(child.address);
	client_get(fd, "/", "", &answer);
	free(answer.body);
	client_send(fd, "GET /huge HTTP/1.1\r\nHost: a\r\n\r\n"); /* and nobody reads it */
	while (ask_for("served") < 2)
		usleep(1000);
	kill(child.pid, SIGTERM);
	usleep(50 * 1000);
	assert_int_equal(waitpid(child.pid, NULL, WNOHANG), 0);
	kill(child.pid, SIGTERM);
	assert_int_equal(wait_for_child(), 0);
	client_close(fd);
	folder_destroy();
}

static void the_admin_listens_to_its_own_name_alone(void **state)
{
	static const char *const strangers[] = {
		"evil.example",           "127.0.0.1", "127.0.0.1:1", "localhost",
		"localhost.evil.example", ""
	};
	char request[256];
	struct answer answer;

	(void)state;
	start("light");
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		int fd = client_connect(child.admin);

		snprintf(request, sizeof request, "GET /threads.json HTTP/1.1\r\nHost: %s\r\n\r\n",
			 strangers[i]);
		client_send(fd, request);
		client_answer(fd, true, &answer);
		assert_int_equal(answer.status, 421);
		free(answer.body);
		client_close(fd);
	}
	assert_true(ask_for("thread_count") > 3);
	kill(child.pid, SIGTERM);
	assert_int_equal(wait_for_child(), 0);
	folder_destroy();
}

/* What it prints, and its exit status. */
static void expect_refusal(char *const argv[], int status, const char *text)
{
	char output[4096];
	size_t bytes;
	int got;

	run(argv);
	bytes = fread(output, 1, sizeof output - 1, child.output);
	output[bytes] = '\0';
	got = wait_for_child();
	if (got != status || strstr(output, text) == NULL)
		fail_msg("%d: %s", got, output);
}

/* Where there are none the command says so, and what to do. */
static void nothing_is_left_of_ten_thousand_with_user_workers(void **state)
{
	(void)state;
	if (!has_user_threads()) {
		expect_refusal((char *[]){ command, "serve", "/", "--listen", "127.0.0.1:0",
					   "--kind", "user", NULL },
			       1, "'--kind light' does without");
		return;
	}
	ten_thousand_connections_leave_nothing("user");
}

/* A C library that has no room for them is named; light workers serve. */
static void user_workers_are_refused_where_there_can_be_none(void **state)
{
	(void)state;
	setenv("WEFT_FORCE_TLS", "none", 1);
	expect_refusal((char *[]){ command, "serve", "/", "--listen", "127.0.0.1:0", "--kind",
				   "user", NULL },
		       1,
		       "no user threads here: the C library does not offer "
		       "_thread_db_sizeof_pthread; '--kind light' does without");
	start("light");
	unsetenv("WEFT_FORCE_TLS");
	assert_true(ask_for("thread_count") > 3);
	kill(child.pid, SIGTERM);
	assert_int_equal(wait_for_child(), 0);
	folder_destroy();
}

static void what_cannot_be_served_is_said(void **state)
{
	char file[256];

	(void)state;
	start("light");
	snprintf(file, sizeof file, "%s", folder_path("index.html"));
	{
		struct child first = child;

		expect_refusal((char *[]){ command, "serve", "/nonexistent", NULL }, 1,
			       "No such file or directory");
		expect_refusal((char *[]){ command, "serve", file, NULL }, 1, "not a directory");
		expect_refusal((char *[]){ command, "serve", "/", "--listen", first.address, NULL },
			       1, "somebody listens there already");
		expect_refusal((char *[]){ command, "serve", "/", "--listen", "here", NULL }, 1,
			       "not an address");
		expect_refusal((char *[]){ command, "serve", "--workers", "0", NULL }, 2,
			       "--workers cannot be '0'");
		expect_refusal((char *[]){ command, "serve", "--kind=heavy", NULL }, 2,
			       "--kind cannot be 'heavy'");
		expect_refusal((char *[]){ command, "serve", "--wrokers", "3", NULL }, 2,
			       "no option '--wrokers'");
		expect_refusal((char *[]){ command, "serve", "--log=1", NULL }, 2,
			       "no option '--log=1'");
		expect_refusal((char *[]){ command, "serve", "--listen", NULL }, 2, "missing");
		expect_refusal((char *[]){ command, "serve", "--help", NULL }, 0, "usage:");
		child = first;
	}
	kill(child.pid, SIGTERM);
	assert_int_equal(wait_for_child(), 0);
	folder_destroy();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_workers_are_refused_where_there_can_be_none),
		cmocka_unit_test(what_cannot_be_served_is_said),
		cmocka_unit_test(a_signal_ends_it_in_order),
		cmocka_unit_test(a_second_signal_does_not_wait),
		cmocka_unit_test(the_admin_listens_to_its_own_name_alone),
		cmocka_unit_test(nothing_is_left_of_ten_thousand_with_light_workers),
		cmocka_unit_test(nothing_is_left_of_ten_thousand_with_user_workers),
		cmocka_unit_test(nothing_is_left_of_ten_thousand_with_kernel_workers),
	};

	if (argc < 2) {
		fputs("usage: serve-command WEFT\n", stderr);
		return 2;
	}
	command = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
