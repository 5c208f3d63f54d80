/* SPDX-License-Identifier: MIT */
/* A folder of a test's own, under /tmp, and what is put into it. */
#ifndef WEFT_TESTS_SERVE_FOLDER_H
#define WEFT_TESTS_SERVE_FOLDER_H

#include <stddef.h>

const char *folder_create(void); /* its path; one at a time */
void folder_destroy(void);       /* with all that is in it */

/* In the folder; missing parents are made. */
void folder_write(const char *name, const void *bytes, size_t count);
void folder_print(const char *name, const char *text);
void folder_link(const char *name, const char *target);
void folder_mkdir(const char *name);
const char *folder_path(const char *name); /* valid until the next call */

#endif
