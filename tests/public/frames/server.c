/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <weft/server.h>
#include <weft/weft.h>

#include "server.example"

int main(void)
{
	char address[100], answer[100];
	weft_server *server;
	int fd;

	if (start_echo("127.0.0.1:0", &server) < 0 ||
	    weft_server_address(server, address, sizeof(address)) < 0)
		return 1;
	fd = weft_connect(address);
	if (fd < 0 || weft_write_all(fd, "warp\nweft\n", 10) < 0)
		return 1;
	for (ssize_t have = 0, got; have < 10; have += got) {
		got = weft_read(fd, answer + have, sizeof(answer) - have);
		if (got <= 0)
			return 1;
	}
	weft_close(fd);
	weft_server_destroy(server);
	return memcmp(answer, "warp\nweft\n", 10) != 0;
}
