/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <weft/weft.h>

#include "sem.example"

static int sit(void *arg)
{
	int *depth = arg;

	/* five at a time is one too many */
	return ++*depth == 5 ? 0 : with_a_seat(sit, depth);
}

int main(void)
{
	int depth = 0;

	if (with_a_seat(sit, &depth) != -ETIMEDOUT || depth != 4)
		return 1;
	return with_a_seat(sit, &depth); /* all seats are free again */
}
