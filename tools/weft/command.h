/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the command share. A command's main gets its own name in argv[0] and returns
 * the exit status: 0 done, 1 something failed, 2 it was asked for something that it does not know.
 */
#ifndef WEFT_TOOLS_COMMAND_H
#define WEFT_TOOLS_COMMAND_H

int weft__command_bench(int argc, char **argv);
int weft__command_serve(int argc, char **argv);
int weft__command_soak(int argc, char **argv);

/* The name that `word` was most likely meant to be; NULL: none is near. names ends with NULL. */
const char *weft__command_nearest(const char *word, const char *const names[]);

#endif
