/* SPDX-License-Identifier: MIT */
/* A circular doubly linked list whose links live in the items. An item out of any list points at
 * itself or is zero. */
#ifndef WEFT_BASE_LIST_H
#define WEFT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct weft__list {
	struct weft__list *next, *prev;
};

static inline void weft__list_init(struct weft__list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool weft__list_is_empty(const struct weft__list *list)
{
	return list->next == list;
}

static inline void weft__list_push(struct weft__list *list, struct weft__list *item)
{
	item->next = list;
	item->prev = list->prev;
	list->prev->next = item;
	list->prev = item;
}

static inline void weft__list_push_front(struct weft__list *list, struct weft__list *item)
{
	weft__list_push(list->next, item);
}

static inline void weft__list_remove(struct weft__list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	weft__list_init(item);
}

/* The first item, taken out; NULL when the list is empty. */
static inline struct weft__list *weft__list_pop(struct weft__list *list)
{
	struct weft__list *first = list->next;

	if (first == list)
		return NULL;
	/* The analyzer does not see that an item that was popped before, and freed, is in no
	 * list. */
	weft__list_remove(first); /* NOLINT(clang-analyzer-unix.Malloc) */
	return first;
}

/* Moves all items of `from` to the end of `to`. */
static inline void weft__list_splice(struct weft__list *to, struct weft__list *from)
{
	if (weft__list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	weft__list_init(from);
}

#define weft__list_for(item, list) \
	for (struct weft__list *item = (list)->next; item != (list); item = item->next)

#endif
