/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "spin.example"

static int note_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10000; i++)
		note(2);
	return 0;
}

int main(void)
{
	weft_thread *threads[4];

	for (int i = 0; i < 4; i++)
		if (weft_thread_spawn(note_often, NULL, NULL, &threads[i]) < 0)
			return 1;
	for (int i = 0; i < 4; i++)
		weft_thread_join(threads[i], NULL);
	return sum != 80000 || count != 40000;
}
