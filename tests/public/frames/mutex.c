/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "mutex.example"

static int deposit_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10000; i++)
		deposit(1);
	return 0;
}

int main(void)
{
	weft_thread *threads[4];

	for (int i = 0; i < 4; i++)
		if (weft_thread_spawn(deposit_often, NULL, NULL, &threads[i]) < 0)
			return 1;
	for (int i = 0; i < 4; i++)
		weft_thread_join(threads[i], NULL);
	return balance != 40000;
}
