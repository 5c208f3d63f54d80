/* SPDX-License-Identifier: MIT */
/* See folder.h. */
#include "folder.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/weft-test.XXXXXX";
static char path[4096];

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		abort();
	}
}

const char *folder_create(void)
{
	strcpy(root + strlen(root) - 6, "XXXXXX");
	must(mkdtemp(root) == NULL ? -1 : 0, root);
	return root;
}

static int remove_one(const char *name, const struct stat *stat, int flag, struct FTW *walk)
{
	(void)stat;
	(void)flag;
	(void)walk;
	return remove(name);
}

void folder_destroy(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *folder_path(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", root, name);
	return path;
}

void folder_mkdir(const char *name)
{
	folder_path(name);
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	mkdir(path, 0755);
}

static void make_parents(const char *name)
{
	char parent[1024];
	const char *slash = strrchr(name, '/');

	if (slash == NULL)
		return;
	snprintf(parent, sizeof parent, "%.*s", (int)(slash - name), name);
	folder_mkdir(parent);
}

void folder_write(const char *name, const void *bytes, size_t count)
{
	int fd;

	make_parents(name);
	fd = open(folder_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	must(fd, path);
	must(write(fd, bytes, count) == (ssize_t)count ? 0 : -1, path);
	close(fd);
}

void folder_print(const char *name, const char *text)
{
	folder_write(name, text, strlen(text));
}

void folder_link(const char *name, const char *target)
{
	make_parents(name);
	must(symlink(target, folder_path(name)), path);
}
