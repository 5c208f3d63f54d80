/* SPDX-License-Identifier: MIT */
/*
 * Keys (pthread_key_create): the C library has no call that runs the destructors of a thread's
 * values. So its table of destructors is found, by two destructors of ours that are looked for in
 * its data, and what it does at a thread's end is done here.
 */
#include <link.h>
#include <pthread.h>
#include <limits.h>
#include <string.h>

#include "base/compiler.h"
#include "sys/linux/libc.h"

struct search {
	struct weft__libc *libc;
	pthread_key_t keys[2];
	const void *destructors[2];
	const char *own_code; /* an address inside the C library */
	const char *found;
};

/* Two that differ, so that the linker does not make one of them. */
static volatile int calls[2];
static void first_destructor(void *value)
{
	(void)value;
	calls[0]++;
}
static void second_destructor(void *value)
{
	(void)value;
	calls[1]++;
}

static const void *destructor_at(const struct weft__libc *libc, const char *table,
				 pthread_key_t key)
{
	const void *destructor;

	memcpy(&destructor, table + key * libc->key_bytes + libc->key_destructor,
	       sizeof destructor);
	return destructor;
}

static uintptr_t sequence_at(const char *at)
{
	uintptr_t sequence;

	memcpy(&sequence, at, sizeof sequence);
	return sequence;
}

static void search_range(struct search *search, const char *at, const char *end)
{
	const struct weft__libc *libc = search->libc;
	size_t table_bytes = PTHREAD_KEYS_MAX * libc->key_bytes;

	for (const char *word = at; word + sizeof(void *) <= end; word += sizeof(void *)) {
		const char *table;

		if (memcmp(word, &search->destructors[0], sizeof(void *)) != 0)
			continue;
		table = word - libc->key_destructor - search->keys[0] * libc->key_bytes;
		if (table < at || table + table_bytes > end ||
		    destructor_at(libc, table, search->keys[1]) != search->destructors[1])
			continue;
		search->found = table;
		return;
	}
}

static bool has_address(const struct dl_phdr_info *info, const char *address)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_LOAD &&
		    (uintptr_t)address - (info->dlpi_addr + part->p_vaddr) < part->p_memsz)
			return true;
	}
	return false;
}

static int search_module(struct dl_phdr_info *info, size_t bytes, void *arg)
{
	struct search *search = arg;

	(void)bytes;
	if (!has_address(info, search->own_code))
		return 0;
	for (int i = 0; i < info->dlpi_phnum && search->found == NULL; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + part->p_vaddr);

		if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0)
			search_range(search, (const char *)(((uintptr_t)at + 7) & ~(uintptr_t)7),
				     at + part->p_memsz);
	}
	return 1;
}

bool weft__libc_find_keys(struct weft__libc *libc)
{
	struct search search = { .libc = libc };

	*(void (**)(void *)) & search.destructors[0] = first_destructor;
	*(void (**)(void *)) & search.destructors[1] = second_destructor;
	search.own_code = (const char *)(uintptr_t)libc->call_tls_dtors;
	if (pthread_key_create(&search.keys[0], first_destructor) != 0)
		return false;
	if (pthread_key_create(&search.keys[1], second_destructor) != 0) {
		pthread_key_delete(search.keys[0]);
		return false;
	}
	dl_iterate_phdr(search_module, &search);
	pthread_key_delete(search.keys[0]);
	pthread_key_delete(search.keys[1]);
	libc->keys = search.found;
	return search.found != NULL;
}

/* A value of a key that was deleted, or deleted and made again, is nobody's. */
static bool run_value(char *value, unsigned key)
{
	const struct weft__libc *libc = &weft__libc;
	const char *entry = libc->keys + key * libc->key_bytes;
	void (*destructor)(void *);
	void *data;

	memcpy(&data, value + libc->value_data, sizeof data);
	if (likely(data == NULL))
		return false;
	memset(value + libc->value_data, 0, sizeof data);
	if (sequence_at(value + libc->value_sequence) != sequence_at(entry + libc->key_sequence))
		return false;
	memcpy(&destructor, entry + libc->key_destructor, sizeof destructor);
	if (destructor == NULL)
		return false;
	destructor(data);
	return true;
}

/* Calls visit for each value there is room for; whether one answered true. */
static bool walk_values(char *record, bool (*visit)(char *value, unsigned key))
{
	const struct weft__libc *libc = &weft__libc;
	bool any = false;

	for (unsigned level = 0; level < libc->levels; level++) {
		char *values;

		memcpy(&values, record + libc->specific + level * sizeof values, sizeof values);
		if (values == NULL)
			continue;
		for (unsigned i = 0; i < libc->values_a_level; i++)
			any |= visit(values + i * libc->value_bytes,
				     level * (unsigned)libc->values_a_level + i);
	}
	return any;
}

static bool drop_value(char *value, unsigned key)
{
	(void)key;
	memset(value + weft__libc.value_data, 0, sizeof(void *));
	return false;
}

/* The library sets a byte of the record with the first value, as of 2.34 behind the levels.
 * Believed only if it does so here. */
void weft__libc_find_flag(struct weft__libc *libc, const char *record)
{
	const char *flag = record + libc->specific + libc->levels * sizeof(void *);
	bool was_clear = *(const volatile char *)flag == 0;
	pthread_key_t key;

	if (flag >= record + libc->record_bytes || pthread_key_create(&key, NULL) != 0)
		return;
	if (pthread_setspecific(key, &weft__libc) == 0) {
		if (was_clear && *(const volatile char *)flag == 1)
			libc->has_values = (size_t)(flag - record);
		pthread_setspecific(key, NULL);
	}
	pthread_key_delete(key);
}

/* Destructors may set values anew; after so many rounds these are forgotten. */
void weft__libc_run_keys(char *record)
{
	size_t flag = weft__libc.has_values;

	if (likely(flag != 0 && record[flag] == 0))
		return;
	if (flag != 0)
		record[flag] = 0; /* for the next thread, if no destructor sets another */
	for (int i = 0; i < PTHREAD_DESTRUCTOR_ITERATIONS; i++)
		if (!walk_values(record, run_value))
			return;
	walk_values(record, drop_value);
}
