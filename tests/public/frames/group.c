/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <weft/weft.h>

#include "group.example"

static weft_sem never;

static int work(void *arg)
{
	int *item = arg, failed = 0;

	if (*item == 7)
		return -EILSEQ;
	if (*item == 8)
		failed = weft_sem_wait(&never);
	*item = failed < 0 ? failed : -*item;
	return failed;
}

int main(void)
{
	int good[] = { 1, 2, 3 }, bad[] = { 8, 7, 8 };

	if (do_all(work, good, 3, WEFT_FOREVER) != 0 || good[0] + good[1] + good[2] != -6)
		return 1;
	if (do_all(work, bad, 3, WEFT_FOREVER) != -EILSEQ || bad[0] != -ECANCELED ||
	    bad[2] != -ECANCELED)
		return 1;
	bad[0] = 8;
	return do_all(work, bad, 1, weft_now() + WEFT_MS) != -ETIMEDOUT;
}
