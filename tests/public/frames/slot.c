/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <weft/weft.h>

#include "slot.example"

static int use_buffer(void *arg)
{
	char *buffer = my_buffer();

	if (buffer == NULL || buffer == arg || buffer[0] != 0)
		return 1;
	buffer[0] = 1;
	return my_buffer() == buffer ? 0 : 1;
}

int main(void)
{
	weft_thread *thread;
	int result = 1;
	char *mine;

	if (set_up() != 0)
		return 1;
	mine = my_buffer();
	if (mine == NULL || weft_thread_spawn(use_buffer, mine, NULL, &thread) != 0)
		return 1;
	weft_thread_join(thread, &result);
	free(mine);
	return result;
}
