/* SPDX-License-Identifier: MIT */
/*
 * Opening below a root; see open.h.
 *
 * The file is first opened as a path (O_PATH: no driver hears of it), looked at, and then opened
 * for reading through /proc/self/fd, which is the very same file. The path is resolved by openat2
 * with RESOLVE_BENEATH, or, where the kernel does not know it (before Linux 5.6) or a sandbox
 * forbids it, by walking it here, one name at a time, with a stack of the directories passed: ".."
 * takes one off, and off the last one is out.
 *
 * Rejected: realpath and a comparison of prefixes (the path may change in between); open for
 * reading, then fstat (opening a device can do something, opening a fifo can wait).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "serve/http/open.h"

#define LINKS_MAX 40
#define DEPTH_MAX 64
#define RACES_MAX 8
#define REST_BYTES 8192

bool weft__http_open_has_openat2 = true; /* atomic; becomes false at most once */

/* ---- by openat2 */

static int resolve_at_once(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	/* EAGAIN: something was renamed meanwhile, and the kernel cannot be sure. */
	for (int i = 0; i < RACES_MAX; i++) {
		fd = (int)syscall(SYS_openat2, root, *path != '\0' ? path : ".", &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd >= 0 ? fd : -errno;
}

/* ---- by hand */

struct walk {
	int fds[DEPTH_MAX]; /* fds[0] is the root, not ours to close */
	int depth;          /* of the last one */
	int links;
	char rest[REST_BYTES]; /* what is still to be walked */
};

/* Takes the first name off the rest. False: there is none. */
static bool take_name(struct walk *walk, char *out_name)
{
	char *from = walk->rest + strspn(walk->rest, "/");
	size_t bytes = strcspn(from, "/");

	if (bytes == 0)
		return false;
	if (bytes > 255)
		bytes = 256; /* the kernel will say that it is too long */
	memcpy(out_name, from, bytes);
	out_name[bytes] = '\0';
	from += strcspn(from, "/");
	memmove(walk->rest, from, strlen(from) + 1);
	return true;
}

/* Puts where a link leads in front of the rest. */
static int follow(struct walk *walk, int link)
{
	char target[4096];
	ssize_t bytes = readlinkat(link, "", target, sizeof target);
	size_t rest_bytes = strlen(walk->rest);

	if (bytes < 0)
		return -errno;
	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	if (bytes == 0)
		return -ENOENT;
	if (target[0] == '/')
		return -EXDEV;
	if ((size_t)bytes + rest_bytes + 1 > sizeof walk->rest || (size_t)bytes == sizeof target)
		return -ENAMETOOLONG;
	memmove(walk->rest + bytes, walk->rest, rest_bytes + 1);
	memcpy(walk->rest, target, (size_t)bytes);
	return 0;
}

static int step(struct walk *walk, const char *name)
{
	struct stat stat;
	int fd, error;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		if (walk->depth == 0)
			return -EXDEV;
		close(walk->fds[walk->depth--]);
		return 0;
	}
	fd = openat(walk->fds[walk->depth], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &stat) < 0 || S_ISLNK(stat.st_mode)) {
		error = S_ISLNK(stat.st_mode) ? follow(walk, fd) : -errno;
		close(fd);
		return error;
	}
	if (walk->depth + 1 == DEPTH_MAX) {
		close(fd);
		return -ELOOP;
	}
	walk->fds[++walk->depth] = fd;
	return 0;
}

static int resolve_by_hand(int root, const char *path)
{
	struct walk walk = { .fds = { root } };
	char name[257];
	int fd, error = 0;
	bool must_be_directory = path[0] != '\0' && path[strlen(path) - 1] == '/';
	struct stat stat;

	if (strlen(path) >= sizeof walk.rest)
		return -ENAMETOOLONG;
	memcpy(walk.rest, path, strlen(path) + 1);
	while (error == 0 && take_name(&walk, name))
		error = step(&walk, name);
	/* A file in the middle shows itself when a name is looked up in it; one at the end with a
	 * slash does not. */
	if (error == 0 && must_be_directory && fstat(walk.fds[walk.depth], &stat) == 0 &&
	    !S_ISDIR(stat.st_mode))
		error = -ENOTDIR;
	fd = error != 0        ? error
	     : walk.depth == 0 ? fcntl(root, F_DUPFD_CLOEXEC, 0)
			       : walk.fds[walk.depth--];
	while (walk.depth > 0)
		close(walk.fds[walk.depth--]);
	return fd;
}

static int resolve(int root, const char *path)
{
	if (atomic_load_relaxed(&weft__http_open_has_openat2)) {
		int fd = resolve_at_once(root, path);

		/* EPERM: a sandbox that does not know it; openat2 itself never says that of
		 * O_PATH. */
		if (fd != -ENOSYS && fd != -EPERM)
			return fd;
		atomic_store_relaxed(&weft__http_open_has_openat2, false);
	}
	return resolve_by_hand(root, path);
}

/* ---- from the path to the file */

static int open_for_reading(int path_fd)
{
	char name[32];
	int fd;

	snprintf(name, sizeof name, "/proc/self/fd/%d", path_fd);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 ? fd : -errno;
}

/* Without /proc: by name once more, and only the same file counts. */
static int open_again(int root, const char *path, const struct stat *stat)
{
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat now;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &now) < 0 || now.st_dev != stat->st_dev || now.st_ino != stat->st_ino) {
		close(fd);
		return -EXDEV;
	}
	return fd;
}

int weft__http_open(int root, const char *path, struct stat *out_stat)
{
	int path_fd = resolve(root, path);
	struct stat stat;
	int fd;

	if (path_fd < 0)
		return path_fd;
	if (fstat(path_fd, &stat) < 0)
		fd = -errno;
	else if (S_ISDIR(stat.st_mode))
		fd = -EISDIR;
	else if (!S_ISREG(stat.st_mode))
		fd = -EPERM;
	else
		fd = open_for_reading(path_fd);
	if (fd == -ENOENT)
		fd = open_again(root, path, &stat);
	close(path_fd);
	if (fd >= 0)
		*out_stat = stat;
	return fd;
}
