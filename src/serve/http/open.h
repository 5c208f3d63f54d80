/* SPDX-License-Identifier: MIT */
/*
 * Opening files below a root, and nothing else: whatever the path and whatever symbolic links lie
 * on it, the file that is opened is inside the root, and it is a regular file. A device or a fifo
 * is never opened, not even for a moment.
 */
#ifndef WEFT_SERVE_HTTP_OPEN_H
#define WEFT_SERVE_HTTP_OPEN_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Opens root/path for reading.
 *   root   a descriptor of the directory
 *   path   without a leading slash; "" is the root itself
 * Returns a descriptor (close-on-exec).
 *   -EISDIR  a directory; *out_stat is not written
 *   -EXDEV   it leads out of the root
 *   -EPERM   not a regular file
 *   -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -EMFILE, -ENFILE, -ENOMEM, -EIO
 */
int weft__http_open(int root, const char *path, struct stat *out_stat);

/* For tests: false makes it go without openat2. */
extern bool weft__http_open_has_openat2;

#endif
