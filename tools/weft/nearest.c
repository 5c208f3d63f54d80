/* SPDX-License-Identifier: MIT */
/* What somebody meant who typed a name that there is not. */
#include <stddef.h>
#include <string.h>

#include "command.h"

enum { LENGTH_MAX = 32 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters must be put in, left out, or changed (Levenshtein), row by row. */
static unsigned distance(const char *from, const char *to)
{
	unsigned row[LENGTH_MAX + 1];
	size_t length = strlen(to);

	if (length > LENGTH_MAX)
		return LENGTH_MAX;
	for (size_t k = 0; k <= length; k++)
		row[k] = (unsigned)k;
	for (size_t i = 0; from[i] != '\0'; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t k = 1; k <= length; k++) {
			unsigned above = row[k];

			row[k] =
				least(above + 1, row[k - 1] + 1, diagonal + (from[i] != to[k - 1]));
			diagonal = above;
		}
	}
	return row[length];
}

const char *weft__command_nearest(const char *word, const char *const names[])
{
	const char *nearest = NULL;
	unsigned best = (unsigned)strlen(word) / 2 + 1; /* farther is another word */

	for (; *names != NULL; names++) {
		unsigned d = distance(word, *names);

		if (d < best) {
			best = d;
			nearest = *names;
		}
	}
	return nearest;
}
