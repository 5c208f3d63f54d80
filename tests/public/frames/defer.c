/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <weft/weft.h>

#include "defer.example"

int main(void)
{
	char text[10];
	int lowest = weft_open("/dev/null", O_RDONLY, 0);

	if (read_first("/dev/zero", text, sizeof(text)) != 10 ||
	    read_first("/nonexistent/file", text, sizeof(text)) != -ENOENT)
		return 1;
	/* what it opened is closed, or the next one had not the next number */
	return lowest < 0 || weft_open("/dev/null", O_RDONLY, 0) != lowest + 1;
}
