/* SPDX-License-Identifier: MIT */
/* Names and numbers of machines, looked up by user threads: getaddrinfo opens files, loads
 * libraries, and keeps its state per thread. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "world.h"

#define THREADS 6
#define ROUNDS 20

/* Whether the answer has that IPv4 address. */
static bool has_address(const struct addrinfo *list, const char *address)
{
	char text[INET_ADDRSTRLEN];

	for (; list != NULL; list = list->ai_next) {
		const struct sockaddr_in *in = (const void *)list->ai_addr;

		if (list->ai_family == AF_INET &&
		    inet_ntop(AF_INET, &in->sin_addr, text, sizeof text) != NULL &&
		    strcmp(text, address) == 0)
			return true;
	}
	return false;
}

static int look_up_numbers(void *arg)
{
	const struct addrinfo hints = { .ai_family = AF_INET,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST };
	char address[INET_ADDRSTRLEN];
	struct addrinfo *list;

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(address, sizeof address, "10.1.%d.%d", (int)(intptr_t)arg, i);
		check(getaddrinfo(address, "80", &hints, &list) == 0);
		check(has_address(list, address));
		freeaddrinfo(list);
		check(getaddrinfo("no number", "80", &hints, &list) == EAI_NONAME);
	}
	return 0;
}

/* Out of /etc/hosts. */
static int look_up_localhost(void *arg)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		check(getaddrinfo("localhost", NULL, &hints, &list) == 0);
		check(has_address(list, "127.0.0.1"));
		freeaddrinfo(list);
	}
	return 0;
}

static int in_several(void *arg)
{
	weft_thread *threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		threads[i] = world_start(*(weft_function **)arg, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++)
		check(world_finish(threads[i]) == 0);
	return 0;
}

static void run_several(weft_function *function)
{
	world_run_user(in_several, (void *)&function);
}

static void numbers_are_understood(void **state)
{
	(void)state;
	run_several(look_up_numbers);
}

static void localhost_is_found(void **state)
{
	(void)state;
	if (access("/etc/hosts", R_OK) != 0)
		skip();
	run_several(look_up_localhost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_case(numbers_are_understood),
		world_case(localhost_is_found),
	};

	world_watch(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
