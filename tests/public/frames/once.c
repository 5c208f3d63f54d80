/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weft/weft.h>

#include "once.example"

int main(void)
{
	char path[] = "/tmp/weft-once-XXXXXX", text[20] = "";
	int fd = mkstemp(path);

	/* the first fails, so the second tries; the third has it */
	if (fd < 0 || log_text("/nonexistent/log", "lost") >= 0 || log_text(path, "one ") != 0 ||
	    log_text("/nonexistent/log", "two") != 0)
		return 1;
	unlink(path);
	return read(fd, text, sizeof(text)) != 7 || memcmp(text, "one two", 7) != 0;
}
