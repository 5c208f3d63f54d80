/* SPDX-License-Identifier: MIT */
/*
 * Files as answers: the headers that belong to a file, and its bytes if it is small. Small ones are
 * kept in memory.
 *
 *   - What is given out equals the file: before it is used again it is compared with the file's
 *     present device, inode, size, change and modification times (one stat). Each batch of requests
 *     compares a file once.
 *   - A file that was changed a moment ago is not kept: within one tick of the kernel's clock a
 *     second change may leave the times as they are. Nor is one that changed while it was read.
 *   - A large file is open while it is answered, and is never kept.
 *   - A file that is in use lives until it is released, kept or not.
 */
#ifndef WEFT_SERVE_HTTP_FILE_H
#define WEFT_SERVE_HTTP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/list.h"

#define WEFT__HTTP_SMALL_BYTES ((size_t)65536)
#define WEFT__HTTP_ETAG_BYTES 64

/* What identifies the state of a file. */
struct weft__http_identity {
	uint64_t device, inode, bytes;
	int64_t modified_ns, changed_ns;
};

struct weft__http_file {
	/* constant */
	struct weft__http_identity identity;
	int fd; /* of a large one; -1: its bytes are here */
	uint64_t body_bytes;
	size_t etag_bytes;
	char etag[WEFT__HTTP_ETAG_BYTES]; /* with its quotes */
	size_t head_bytes;
	char *head; /* from Content-Type to the empty line; the body follows it directly */
	char *body;
	char *path;
	size_t memory_bytes;
	uint32_t hash;
	/* atomic */
	uint32_t references;
	/* guarded by the lock of the files */
	bool is_kept;
	struct weft__http_file *next; /* of the same hash */
	struct weft__list recent;
};

#define WEFT__HTTP_BUCKETS 1024

struct weft__http_files {
	/* constant */
	int root;
	size_t kept_bytes_max;
	/* A spin lock: workers that wait for it have a batch each. */
	uint32_t lock;
	/* guarded by lock */
	size_t kept_bytes;
	struct weft__list recent; /* the one used last is the last */
	struct weft__http_file *buckets[WEFT__HTTP_BUCKETS];
	/* atomic */
	uint64_t hits, misses;
};

/* root becomes ours. */
void weft__http_files_init(struct weft__http_files *files, int root, size_t kept_bytes_max);
void weft__http_files_fini(struct weft__http_files *files);

/* The file at that path, as it is now; to be released. Returns 0, or what weft__http_open
 * returns. */
int weft__http_file_get(struct weft__http_files *files, const char *path,
			struct weft__http_file **out_file);

void weft__http_file_release(struct weft__http_file *file);

#endif
