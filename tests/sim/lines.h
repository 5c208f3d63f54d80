/* SPDX-License-Identifier: MIT */
/* Turns [+OFFSET] in what a run has said into source lines, where addr2line is installed. */
#ifndef WEFT_TEST_LINES_H
#define WEFT_TEST_LINES_H

#include <stdio.h>

void lines_print(const char *text, FILE *out);

#endif
