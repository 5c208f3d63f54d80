/* SPDX-License-Identifier: MIT */
/*
 * Addresses as text. The grammar is small and strict, so that a slip is told and not guessed at:
 *
 *	address = host ":" port | "unix:" path | "unix:@" name
 *	host    = ipv4 | "[" ipv6 [ "%" zone ] "]" | ""
 *	port    = 0 to 65535, at most 5 digits
 *	zone    = the number of an interface
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <weft/socket.h>

#define UNIX_PREFIX "unix:"
#define UNIX_PREFIX_BYTES 5

/* Digits, no sign, no space, nothing after. False: not that, or above most. */
static bool parse_number(const char *text, size_t digits_max, unsigned long most,
			 unsigned long *out_number)
{
	unsigned long number = 0;
	size_t length = strlen(text);

	if (length == 0 || length > digits_max)
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (unsigned long)(*text - '0');
	}
	*out_number = number;
	return number <= most;
}

static bool parse_port(const char *text, in_port_t *out_port)
{
	unsigned long number;

	if (!parse_number(text, 5, 65535, &number))
		return false;
	*out_port = htons((in_port_t)number);
	return true;
}

/* Copies [from, to) as a string. False: it does not fit. */
static bool cut(const char *from, const char *to, char *out_text, size_t out_bytes)
{
	size_t length = (size_t)(to - from);

	if (length >= out_bytes)
		return false;
	memcpy(out_text, from, length);
	out_text[length] = '\0';
	return true;
}

static int parse_unix(const char *path, struct sockaddr_storage *out_address)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool is_abstract = path[0] == '@';
	size_t length = strlen(path);

	if (length == 0 || (is_abstract && length == 1))
		return -EINVAL;
	if (length >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	/* An abstract name begins with a zero byte and has no end but its length. */
	if (is_abstract)
		address.sun_path[0] = '\0';
	*out_address = (struct sockaddr_storage){ 0 };
	memcpy(out_address, &address, sizeof address);
	return (int)(offsetof(struct sockaddr_un, sun_path) + length + (is_abstract ? 0 : 1));
}

static int parse_ipv6(const char *text, struct sockaddr_storage *out_address)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	const char *end = strchr(text, ']');
	char host[INET6_ADDRSTRLEN + 11];
	unsigned long zone = 0;
	char *percent;

	if (end == NULL || end[1] != ':' || !cut(text, end, host, sizeof host))
		return -EINVAL;
	percent = strchr(host, '%');
	if (percent != NULL) {
		if (!parse_number(percent + 1, 10, UINT32_MAX, &zone))
			return -EINVAL;
		*percent = '\0';
	}
	if (inet_pton(AF_INET6, host, &address.sin6_addr) != 1 ||
	    !parse_port(end + 2, &address.sin6_port))
		return -EINVAL;
	address.sin6_scope_id = (uint32_t)zone;
	*out_address = (struct sockaddr_storage){ 0 };
	memcpy(out_address, &address, sizeof address);
	return (int)sizeof address;
}

/* Every interface: IPv6's wildcard, which takes IPv4 too. */
static int parse_any(const char *port, struct sockaddr_storage *out_address)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };

	if (!parse_port(port, &address.sin6_port))
		return -EINVAL;
	*out_address = (struct sockaddr_storage){ 0 };
	memcpy(out_address, &address, sizeof address);
	return (int)sizeof address;
}

static int parse_ipv4(const char *text, struct sockaddr_storage *out_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const char *colon = strchr(text, ':');
	char host[INET_ADDRSTRLEN];

	if (colon == NULL || !cut(text, colon, host, sizeof host) ||
	    inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
	    !parse_port(colon + 1, &address.sin_port))
		return -EINVAL;
	*out_address = (struct sockaddr_storage){ 0 };
	memcpy(out_address, &address, sizeof address);
	return (int)sizeof address;
}

int weft_address_parse(const char *text, struct sockaddr_storage *out_address)
{
	if (text == NULL || out_address == NULL)
		return -EINVAL;
	if (strncmp(text, UNIX_PREFIX, UNIX_PREFIX_BYTES) == 0)
		return parse_unix(text + UNIX_PREFIX_BYTES, out_address);
	if (text[0] == '[')
		return parse_ipv6(text + 1, out_address);
	if (text[0] == ':')
		return parse_any(text + 1, out_address);
	return parse_ipv4(text, out_address);
}

/* ---- and back */

struct text {
	char bytes[sizeof(struct sockaddr_un) + 64];
	int length;
};

static int format_unix(const struct sockaddr *address, socklen_t address_bytes, struct text *out)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t length = address_bytes > head ? address_bytes - head : 0;
	char *path = out->bytes + UNIX_PREFIX_BYTES;

	if (address_bytes > sizeof(struct sockaddr_un))
		return -EINVAL;
	memcpy(out->bytes, UNIX_PREFIX, UNIX_PREFIX_BYTES);
	memcpy(path, (const char *)address + head, length);
	if (length > 0 && path[0] == '\0') {
		/* Abstract: any bytes may be in it; zeroes would end the text. */
		for (size_t i = 0; i < length; i++)
			if (path[i] == '\0')
				path[i] = '@';
	} else {
		length = strnlen(path, length);
	}
	path[length] = '\0';
	out->length = (int)(UNIX_PREFIX_BYTES + length);
	return 0;
}

static int format_ipv4(const struct sockaddr *address, socklen_t address_bytes, struct text *out)
{
	struct sockaddr_in ipv4;
	char host[INET_ADDRSTRLEN];

	if (address_bytes < sizeof ipv4)
		return -EINVAL;
	memcpy(&ipv4, address, sizeof ipv4);
	inet_ntop(AF_INET, &ipv4.sin_addr, host, sizeof host);
	out->length = snprintf(out->bytes, sizeof out->bytes, "%s:%u", host,
			       (unsigned)ntohs(ipv4.sin_port));
	return 0;
}

static int format_ipv6(const struct sockaddr *address, socklen_t address_bytes, struct text *out)
{
	struct sockaddr_in6 ipv6;
	char host[INET6_ADDRSTRLEN];
	char zone[16] = "";

	if (address_bytes < sizeof ipv6)
		return -EINVAL;
	memcpy(&ipv6, address, sizeof ipv6);
	inet_ntop(AF_INET6, &ipv6.sin6_addr, host, sizeof host);
	if (ipv6.sin6_scope_id != 0)
		snprintf(zone, sizeof zone, "%%%u", (unsigned)ipv6.sin6_scope_id);
	out->length = snprintf(out->bytes, sizeof out->bytes, "[%s%s]:%u", host, zone,
			       (unsigned)ntohs(ipv6.sin6_port));
	return 0;
}

static int format(const struct sockaddr *address, socklen_t address_bytes, struct text *out)
{
	if (address == NULL || address_bytes < sizeof address->sa_family)
		return -EINVAL;
	switch (address->sa_family) {
	case AF_UNIX:
		return format_unix(address, address_bytes, out);
	case AF_INET:
		return format_ipv4(address, address_bytes, out);
	case AF_INET6:
		return format_ipv6(address, address_bytes, out);
	default:
		return -EINVAL;
	}
}

int weft_address_format(const struct sockaddr *address, socklen_t address_bytes, char *out_text,
			size_t out_bytes)
{
	struct text text;
	int error = format(address, address_bytes, &text);

	if (error < 0)
		return error;
	if ((size_t)text.length >= out_bytes)
		return -ENOSPC;
	memcpy(out_text, text.bytes, (size_t)text.length + 1);
	return text.length;
}
