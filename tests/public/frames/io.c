/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <weft/weft.h>

#include "io.example"

int main(void)
{
	char text[100];
	int fds[2];

	if (weft_pipe(fds) < 0 || weft_write_all(fds[1], "warp and weft", 13) < 0)
		return 1;
	weft_close(fds[1]);
	if (read_to_end(fds[0], text, sizeof(text)) != 13 || memcmp(text, "warp and weft", 13) != 0)
		return 1;
	weft_close(fds[0]);
	return read_to_end(fds[0], text, sizeof(text)) != -EBADF;
}
