/* SPDX-License-Identifier: MIT */
/* Peers are called as `<who> BENCH --runs 1` and `<who> --list`; docs/benchmarks.md has the
 * contract. */
#include "others.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void be_the_other(char *const argv[], enum bench_cpus cpus, int to)
{
	signal(SIGINT, SIG_DFL);
	if (cpus == BENCH_CPUS_ONE)
		bench_pin();
	if (cpus == BENCH_CPUS_BY_ROW)
		unsetenv("WEFT_BENCH_CPUS");
	else /* it leaves its CPUs as they are */
		setenv("WEFT_BENCH_CPUS", cpus == BENCH_CPUS_ONE ? "1" : "all", 1);
	dup2(to, STDOUT_FILENO);
	execv(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Runs a program and hands each line that it prints to `line`. Returns its wait status, or -1. */
static int run(char *const argv[], enum bench_cpus cpus, void (*line)(void *arg, char *text),
	       void *arg)
{
	int ends[2], status = -1;
	char text[512];
	pid_t child;
	FILE *from;

	if (pipe(ends) != 0)
		return -1;
	fflush(NULL);
	child = fork();
	if (child == 0)
		be_the_other(argv, cpus, ends[1]);
	close(ends[1]);
	from = fdopen(ends[0], "r");
	while (from != NULL && fgets(text, sizeof text, from) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		line(arg, text);
	}
	if (from != NULL)
		fclose(from);
	if (child > 0)
		waitpid(child, &status, 0);
	return status;
}

static void note_name(void *arg, char *text)
{
	struct bench_other *other = arg;
	size_t used = strlen(other->names);

	snprintf(other->names + used, sizeof other->names - used, "%s ", text);
}

static bool fits(int printed, size_t bytes)
{
	return printed >= 0 && (size_t)printed < bytes;
}

static bool look_at(const char *folder, const char *name, struct bench_other *out_other)
{
	char list[] = "--list";
	struct stat stat;

	memset(out_other, 0, sizeof *out_other);
	if (!fits(snprintf(out_other->who, sizeof out_other->who, "%s", name),
		  sizeof out_other->who) ||
	    !fits(snprintf(out_other->path, sizeof out_other->path, "%s/%s", folder, name),
		  sizeof out_other->path))
		return false;
	if (lstat(out_other->path, &stat) != 0 || !S_ISREG(stat.st_mode) ||
	    access(out_other->path, X_OK) != 0)
		return false;
	snprintf(out_other->names, sizeof out_other->names, " ");
	return run((char *[]){ out_other->path, list, NULL }, BENCH_CPUS_ALL, note_name,
		   out_other) == 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct bench_other *)a)->who, ((const struct bench_other *)b)->who);
}

enum { SELF_BYTES = 3900, FOLDER_BYTES = SELF_BYTES + 100 };

/* A path that begins in this program's folder. */
static bool find_beside(const char *name, char out_path[FOLDER_BYTES])
{
	char self[SELF_BYTES];
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof self - 1);

	if (bytes < 0)
		return false;
	self[bytes] = '\0';
	*strrchr(self, '/') = '\0';
	return fits(snprintf(out_path, FOLDER_BYTES, "%s/%s", self, name), FOLDER_BYTES);
}

int bench_others_find(struct bench_other out_others[BENCH_OTHERS_MAX])
{
	char folder[FOLDER_BYTES];
	struct dirent *entry;
	int count = 0;
	DIR *peers;

	if (!find_beside("peers", folder))
		return 0;
	peers = opendir(folder);
	while (peers != NULL && count < BENCH_OTHERS_MAX && (entry = readdir(peers)) != NULL)
		if (look_at(folder, entry->d_name, &out_others[count]))
			count++;
	if (peers != NULL)
		closedir(peers);
	qsort(out_others, (size_t)count, sizeof *out_others, compare);
	return count;
}

bool bench_other_knows(const struct bench_other *other, const char *bench)
{
	char word[64];

	snprintf(word, sizeof word, " %s ", bench);
	return strstr(other->names, word) != NULL;
}

/* The text of a field of a flat JSON object whose strings have no escapes. Cuts the line up. */
static char *field(char *object, const char *name)
{
	char key[32], *at;

	snprintf(key, sizeof key, "\"%s\":", name);
	at = strstr(object, key);
	if (at == NULL)
		return NULL;
	at += strlen(key);
	return *at == '"' ? at + 1 : at;
}

static void end_field(char *at)
{
	at[strcspn(at, "\",}")] = '\0';
}

struct collecting {
	const struct bench_other *other;
	struct bench_results *results;
	int lines;
};

static void add_line(void *arg, char *text)
{
	struct collecting *c = arg;
	char *case_name = field(text, "case"), *kind = field(text, "kind"),
	     *unit = field(text, "unit"), *value = field(text, "value");

	if (case_name == NULL || kind == NULL || unit == NULL || value == NULL) {
		fprintf(stderr, "weft bench: %s said '%s'\n", c->other->who, text);
		return;
	}
	c->lines++;
	case_name[strcspn(case_name, "\"")] = '\0'; /* it may hold a comma */
	end_field(kind);
	end_field(unit);
	end_field(value);
	bench_results_add(c->results, case_name, kind, c->other->who, unit, strtod(value, NULL));
}

int bench_other_run(const struct bench_other *other, const char *bench, enum bench_cpus cpus,
		    struct bench_results *results)
{
	char path[4096], name[64], runs[] = "--runs", one[] = "1";
	struct collecting collecting = { .other = other, .results = results };
	int status;

	snprintf(path, sizeof path, "%s", other->path);
	snprintf(name, sizeof name, "%s", bench);
	status = run((char *[]){ path, name, runs, one, NULL }, cpus, add_line, &collecting);
	if (status == 0 && collecting.lines > 0)
		return 0;
	if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT))
		fprintf(stderr, "weft bench: %s failed at %s (wait status %#x)\n", other->who,
			bench, (unsigned)status);
	return -1;
}

int bench_server_run(int runs, bool quick, bool json)
{
	char path[FOLDER_BYTES], weft[FOLDER_BYTES], runs_text[16];
	int status = -1;
	pid_t child;

	if (!find_beside("weft", weft) || !find_beside("bench/server/server-bench", path) ||
	    access(path, X_OK) != 0) {
		fputs("weft bench: the program server-bench is not beside this command; 'make' "
		      "builds it, and build/weft bench server finds it\n",
		      stderr);
		return -1;
	}
	snprintf(runs_text, sizeof runs_text, "%d", runs);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		const char *argv[8] = { path, weft, "--runs", runs_text };
		int count = 4;

		if (quick) {
			argv[count++] = "--seconds";
			argv[count++] = "0.2";
		}
		if (json)
			argv[count] = "--json";
		be_the_other((char *const *)argv, false, STDOUT_FILENO);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	return status == 0 ? 0 : -1;
}
