/* SPDX-License-Identifier: MIT */
/* Files; see file.h. */
#include "serve/http/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <weft/blocking.h>
#include <weft/time.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/panic.h"
#include "serve/http/date.h"
#include "serve/http/mime.h"
#include "serve/http/open.h"
#include "sys/spin.h"

#define YOUNG_NS (50 * WEFT_MS) /* several ticks of the slowest kernel clock */
#define READS_MAX 3
#define HEAD_BYTES 512

static int64_t ns_of(struct timespec time)
{
	return (int64_t)time.tv_sec * WEFT_SECOND + time.tv_nsec;
}

static struct weft__http_identity identity_of(const struct stat *stat)
{
	return (struct weft__http_identity){
		.device = stat->st_dev,
		.inode = stat->st_ino,
		.bytes = (uint64_t)stat->st_size,
		.modified_ns = ns_of(stat->st_mtim),
		.changed_ns = ns_of(stat->st_ctim),
	};
}

static bool is_same(const struct weft__http_identity *a, const struct weft__http_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static uint32_t hash_of(const char *path)
{
	uint32_t hash = 2166136261u;

	for (; *path != '\0'; path++)
		hash = (hash ^ (unsigned char)*path) * 16777619u;
	return hash ^ hash >> 15;
}

/* ---- one file */

static void destroy_file(struct weft__http_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

void weft__http_file_release(struct weft__http_file *file)
{
	if (atomic_sub_acq_rel(&file->references, 1) == 1)
		destroy_file(file);
}

static void write_head(struct weft__http_file *file)
{
	char date[WEFT__HTTP_DATE_BYTES];
	int bytes;

	weft__http_date_write(file->identity.modified_ns / WEFT_SECOND, date);
	file->etag_bytes = (size_t)snprintf(file->etag, sizeof file->etag, "\"%llx-%llx-%llx\"",
					    (unsigned long long)file->identity.modified_ns,
					    (unsigned long long)file->identity.bytes,
					    (unsigned long long)file->identity.inode);
	bytes = snprintf(file->head, HEAD_BYTES,
			 "Content-Type: %s\r\nContent-Length: %llu\r\nLast-Modified: %.*s\r\n"
			 "ETag: %s\r\nCache-Control: no-cache\r\n"
			 "X-Content-Type-Options: nosniff\r\n\r\n",
			 weft__http_mime(file->path), (unsigned long long)file->body_bytes,
			 WEFT__HTTP_DATE_BYTES, date, file->etag);
	weft__assert(bytes > 0 && bytes < HEAD_BYTES);
	file->head_bytes = (size_t)bytes;
}

/* A record with room for the path, the headers and that much body; the headers are not written
 * yet. */
static struct weft__http_file *
create_file(const char *path, const struct weft__http_identity *identity, size_t body_room)
{
	size_t path_bytes = strlen(path) + 1;
	size_t bytes = sizeof(struct weft__http_file) + path_bytes + HEAD_BYTES + body_room;
	struct weft__http_file *file = malloc(bytes);

	if (file == NULL)
		return NULL;
	*file = (struct weft__http_file){
		.identity = *identity,
		.fd = -1,
		.body_bytes = identity->bytes,
		.path = (char *)(file + 1),
		.memory_bytes = bytes,
		.hash = hash_of(path),
		.references = 1,
	};
	memcpy(file->path, path, path_bytes);
	file->head = file->path + path_bytes;
	return file;
}

static ssize_t read_at(int fd, char *to, size_t bytes, off_t at)
{
	struct iovec part = { to, bytes };
	ssize_t got = preadv2(fd, &part, 1, at, RWF_NOWAIT);

	if (got >= 0)
		return got;
	/* From the disk, or a file system that does not know the flag: others shall run
	 * meanwhile. */
	weft_blocking_begin();
	do
		got = pread(fd, to, bytes, at);
	while (got < 0 && errno == EINTR);
	got = got < 0 ? -errno : got;
	weft_blocking_end();
	return got;
}

/* Reads as much as there is, up to `bytes`. */
static ssize_t read_all(int fd, char *to, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t got = read_at(fd, to + done, bytes - done, (off_t)done);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static bool is_young(const struct weft__http_identity *identity)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ns_of(now) - identity->changed_ns < YOUNG_NS;
}

/* Reads a small file. *out_stable: nothing changed meanwhile, and what is to come will show in its
 * times. */
static int read_small(int fd, const char *path, const struct stat *stat,
		      struct weft__http_file **out_file, bool *out_stable)
{
	struct weft__http_identity identity = identity_of(stat), now;
	struct weft__http_file *file = NULL;
	struct stat after;
	bool stable = false;
	ssize_t bytes;

	for (int i = 0; i < READS_MAX && !stable; i++) {
		free(file);
		file = create_file(path, &identity, identity.bytes);
		if (file == NULL)
			return -ENOMEM;
		bytes = read_all(fd, file->head + HEAD_BYTES, identity.bytes);
		if (bytes < 0 || fstat(fd, &after) < 0) {
			free(file);
			return bytes < 0 ? (int)bytes : -errno;
		}
		file->body_bytes = (uint64_t)bytes;
		now = identity_of(&after);
		stable = is_same(&identity, &now);
		if (now.bytes > WEFT__HTTP_SMALL_BYTES)
			break; /* it grows under us: what has been read was the file a moment ago */
		identity = now;
	}
	/* The head is written so that it ends where the body begins. */
	file->body = file->head + HEAD_BYTES;
	write_head(file);
	memmove(file->body - file->head_bytes, file->head, file->head_bytes);
	file->head = file->body - file->head_bytes;
	*out_file = file;
	*out_stable = stable && !is_young(&file->identity);
	return 0;
}

static int open_large(int fd, const char *path, const struct stat *stat,
		      struct weft__http_file **out_file)
{
	struct weft__http_identity identity = identity_of(stat);
	struct weft__http_file *file = create_file(path, &identity, 0);

	if (file == NULL)
		return -ENOMEM;
	file->fd = fd;
	write_head(file);
	*out_file = file;
	return 0;
}

/* ---- those that are kept */

void weft__http_files_init(struct weft__http_files *files, int root, size_t kept_bytes_max)
{
	memset(files, 0, sizeof *files);
	files->root = root;
	files->kept_bytes_max = kept_bytes_max;
	weft__list_init(&files->recent);
}

/* Takes it out; *dropped is a list of those that are to be released after the lock. */
static void drop_locked(struct weft__http_files *files, struct weft__http_file *file,
			struct weft__http_file **dropped)
{
	struct weft__http_file **at = &files->buckets[file->hash % WEFT__HTTP_BUCKETS];

	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	weft__list_remove(&file->recent);
	files->kept_bytes -= file->memory_bytes;
	file->is_kept = false;
	file->next = *dropped;
	*dropped = file;
}

static void release_all(struct weft__http_file *dropped)
{
	while (dropped != NULL) {
		struct weft__http_file *next = dropped->next;

		weft__http_file_release(dropped);
		dropped = next;
	}
}

static struct weft__http_file *find_locked(struct weft__http_files *files, const char *path,
					   uint32_t hash)
{
	struct weft__http_file *file = files->buckets[hash % WEFT__HTTP_BUCKETS];

	while (file != NULL && (file->hash != hash || strcmp(file->path, path) != 0))
		file = file->next;
	return file;
}

void weft__http_files_fini(struct weft__http_files *files)
{
	struct weft__http_file *dropped = NULL;

	while (!weft__list_is_empty(&files->recent))
		drop_locked(files, container_of(files->recent.next, struct weft__http_file, recent),
			    &dropped);
	release_all(dropped);
	close(files->root);
}

static struct weft__http_file *find(struct weft__http_files *files, const char *path)
{
	uint32_t hash = hash_of(path);
	struct weft__http_file *file;

	weft__spin_lock(&files->lock);
	file = find_locked(files, path, hash);
	if (file != NULL) {
		atomic_add_relaxed(&file->references, 1);
		if (files->recent.prev != &file->recent) {
			weft__list_remove(&file->recent);
			weft__list_push(&files->recent, &file->recent);
		}
	}
	weft__spin_unlock(&files->lock);
	return file;
}

static void drop(struct weft__http_files *files, struct weft__http_file *file)
{
	struct weft__http_file *dropped = NULL;

	weft__spin_lock(&files->lock);
	if (file->is_kept)
		drop_locked(files, file, &dropped);
	weft__spin_unlock(&files->lock);
	release_all(dropped);
}

static void keep(struct weft__http_files *files, struct weft__http_file *file)
{
	struct weft__http_file **bucket = &files->buckets[file->hash % WEFT__HTTP_BUCKETS];
	struct weft__http_file *other, *dropped = NULL;

	if (file->memory_bytes > files->kept_bytes_max)
		return;
	weft__spin_lock(&files->lock);
	other = find_locked(files, file->path, file->hash);
	if (other != NULL)
		drop_locked(files, other, &dropped);
	while (files->kept_bytes + file->memory_bytes > files->kept_bytes_max)
		drop_locked(files, container_of(files->recent.next, struct weft__http_file, recent),
			    &dropped);
	atomic_add_relaxed(&file->references, 1);
	file->is_kept = true;
	file->next = *bucket;
	*bucket = file;
	weft__list_push(&files->recent, &file->recent);
	files->kept_bytes += file->memory_bytes;
	weft__spin_unlock(&files->lock);
	release_all(dropped);
}

static bool is_current(struct weft__http_files *files, const struct weft__http_file *file)
{
	struct weft__http_identity now;
	struct stat stat;

	if (fstatat(files->root, file->path, &stat, AT_NO_AUTOMOUNT) < 0)
		return false;
	now = identity_of(&stat);
	return is_same(&now, &file->identity);
}

static int load(struct weft__http_files *files, const char *path, struct weft__http_file **out_file)
{
	struct stat stat;
	bool stable = false;
	int fd = weft__http_open(files->root, path, &stat);
	int error;

	if (fd < 0)
		return fd;
	if ((uint64_t)stat.st_size > WEFT__HTTP_SMALL_BYTES) {
		error = open_large(fd, path, &stat, out_file);
		if (error < 0)
			close(fd);
		return error;
	}
	error = read_small(fd, path, &stat, out_file, &stable);
	close(fd);
	if (error == 0 && stable)
		keep(files, *out_file);
	return error;
}

int weft__http_file_get(struct weft__http_files *files, const char *path,
			struct weft__http_file **out_file)
{
	struct weft__http_file *file = find(files, path);

	if (file != NULL) {
		if (likely(is_current(files, file))) {
			*out_file = file;
			atomic_add_relaxed(&files->hits, 1);
			return 0;
		}
		drop(files, file);
		weft__http_file_release(file); /* NOLINT(clang-analyzer-unix.Malloc): find's */
	}
	atomic_add_relaxed(&files->misses, 1);
	return load(files, path, out_file);
}
