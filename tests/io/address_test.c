/* SPDX-License-Identifier: MIT */
/* Addresses as text, there and back, and what is no address. */
#include "rig.h"

#include <netinet/in.h>
#include <sys/un.h>

#define LONG_NAME_107                                                                              \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaa"

static void an_address_is_read_and_written_the_same(void **state)
{
	static const struct {
		const char *text, *back;
		int family;
	} table[] = {
		{ "127.0.0.1:8080", NULL, AF_INET },
		{ "0.0.0.0:0", NULL, AF_INET },
		{ "255.255.255.255:65535", NULL, AF_INET },
		{ "10.0.0.1:00080", "10.0.0.1:80", AF_INET },
		{ "[::1]:8080", NULL, AF_INET6 },
		{ "[::]:0", NULL, AF_INET6 },
		{ "[2001:db8::7:0]:443", NULL, AF_INET6 },
		{ "[2001:0db8:0000:0000:0000:0000:0007:0000]:443", "[2001:db8::7:0]:443",
		  AF_INET6 },
		{ "[fe80::1%2]:1", NULL, AF_INET6 },
		{ "[::ffff:127.0.0.1]:9", NULL, AF_INET6 },
		{ ":8080", "[::]:8080", AF_INET6 },
		{ "unix:/run/app.sock", NULL, AF_UNIX },
		{ "unix:app.sock", NULL, AF_UNIX },
		{ "unix:a b:c", NULL, AF_UNIX },
		{ "unix:@name", NULL, AF_UNIX },
		{ "unix:@", NULL, 0 },
		{ "unix:" LONG_NAME_107, NULL, AF_UNIX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct sockaddr_storage address;
		char text[160];
		int bytes = weft_address_parse(table[i].text, &address);
		const char *back = table[i].back != NULL ? table[i].back : table[i].text;

		if (table[i].family == 0) {
			assert_int_equal(bytes, -EINVAL);
			continue;
		}
		assert_true(bytes > 0);
		assert_int_equal(address.ss_family, table[i].family);
		assert_int_equal(weft_address_format((struct sockaddr *)&address, (socklen_t)bytes,
						     text, sizeof text),
				 strlen(back));
		assert_string_equal(text, back);
	}
}

static void what_is_no_address_is_refused_and_writes_nothing(void **state)
{
	static const char *const junk[] = {
		"",
		" ",
		":",
		"80",
		"localhost:80",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1: 80",
		"127.0.0.1:+80",
		"127.0.0.1:-1",
		"127.0.0.1:65536",
		"127.0.0.1:000080",
		"127.0.0.1:80 ",
		"127.0.0.1:8x",
		"127.0.0.1:80:90",
		" 127.0.0.1:80",
		"127.1:80",
		"256.0.0.1:80",
		"127.0.0.1.5:80",
		"0x7f.0.0.1:80",
		"::1:80",
		"[::1]",
		"[::1]80",
		"[::1]:",
		"[::1:80",
		"[]:80",
		"[::1]:65536",
		"[::1%]:80",
		"[::1%lo]:80",
		"[::1%99999999999]:80",
		"[127.0.0.1]:80",
		"[::g]:80",
		"[::1]x:80",
		"unix",
		"unix:",
		"unix:@",
		"Unix:/x",
		"http://127.0.0.1:80",
		":80x",
		":99999",
		"\xff:80",
		"11111111111111111111111111111111111111111111111111111111111111111111111111111111:80",
		"[11111111111111111111111111111111111111111111111111111111111111111111111111111111]:80",
	};
	struct sockaddr_storage address;

	(void)state;
	for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
		memset(&address, 0x5a, sizeof address);
		if (weft_address_parse(junk[i], &address) != -EINVAL)
			fail_msg("'%s' is taken for an address", junk[i]);
		for (size_t at = 0; at < sizeof address; at++)
			assert_int_equal(((unsigned char *)&address)[at], 0x5a);
		assert_int_equal(weft_listen(junk[i], 0), -EINVAL);
		assert_int_equal(weft_connect(junk[i]), -EINVAL);
	}
	assert_int_equal(weft_address_parse(NULL, &address), -EINVAL);
	assert_int_equal(weft_address_parse("unix:" LONG_NAME_107 "b", &address), -ENAMETOOLONG);
	assert_int_equal(weft_address_parse("unix:@" LONG_NAME_107, &address), -ENAMETOOLONG);
}

static void formatting_tells_what_does_not_fit(void **state)
{
	struct sockaddr_storage address;
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0a\0b" };
	char text[32] = "untouched";
	int bytes = weft_address_parse("127.0.0.1:8080", &address);

	(void)state;
	assert_int_equal(weft_address_format((struct sockaddr *)&address, (socklen_t)bytes, text,
					     14),
			 -ENOSPC);
	assert_int_equal(weft_address_format((struct sockaddr *)&address, (socklen_t)bytes, NULL,
					     0),
			 -ENOSPC);
	assert_int_equal(weft_address_format(NULL, 0, text, sizeof text), -EINVAL);
	assert_int_equal(weft_address_format((struct sockaddr *)&address, 4, text, sizeof text),
			 -EINVAL);
	address.ss_family = AF_NETLINK;
	assert_int_equal(weft_address_format((struct sockaddr *)&address, (socklen_t)bytes, text,
					     sizeof text),
			 -EINVAL);
	assert_string_equal(text, "untouched");
	address.ss_family = AF_INET;
	assert_int_equal(
		weft_address_format((struct sockaddr *)&address, (socklen_t)bytes, text, 15), 14);
	assert_string_equal(text, "127.0.0.1:8080");
	/* The end of a Unix pair has no name; an abstract one may hold zeroes. */
	assert_int_equal(weft_address_format((struct sockaddr *)&name, sizeof name.sun_family, text,
					     sizeof text),
			 5);
	assert_string_equal(text, "unix:");
	assert_int_equal(weft_address_format((struct sockaddr *)&name, sizeof name.sun_family + 4,
					     text, sizeof text),
			 9);
	assert_string_equal(text, "unix:@a@b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_read_and_written_the_same),
		cmocka_unit_test(what_is_no_address_is_refused_and_writes_nothing),
		cmocka_unit_test(formatting_tells_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
