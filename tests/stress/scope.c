/* SPDX-License-Identifier: MIT */
/*
 * Scopes, around any act, that others may cancel meanwhile; and shields in them.
 *
 * A scope may be cancelled until it is left. So it stands on a shelf, under a lock, from after it
 * is entered until before it is left, and whoever cancels it finds it there.
 */
#include "acts.h"

#define SHELVES 8

static struct shelf {
	weft_mutex lock;
	/* guarded by lock */
	weft_scope *scope;
	bool cancelled;
} shelves[SHELVES];

/* False: there is one already. */
static bool put(struct shelf *shelf, weft_scope *scope)
{
	bool is_free;

	weft_mutex_lock(&shelf->lock);
	is_free = shelf->scope == NULL;
	if (is_free) {
		shelf->scope = scope;
		shelf->cancelled = false;
	}
	weft_mutex_unlock(&shelf->lock);
	return is_free;
}

/* Returns whether it was cancelled. */
static bool take(struct shelf *shelf)
{
	bool cancelled;

	weft_mutex_lock(&shelf->lock);
	cancelled = shelf->cancelled;
	shelf->scope = NULL;
	weft_mutex_unlock(&shelf->lock);
	return cancelled;
}

static void cancel(struct shelf *shelf)
{
	weft_mutex_lock(&shelf->lock);
	if (shelf->scope != NULL) {
		weft_scope_cancel(shelf->scope);
		shelf->cancelled = true;
		stress_add(STRESS_SCOPES_CANCELLED, 1);
	}
	weft_mutex_unlock(&shelf->lock);
}

static void act_shielded(struct actor *actor, void (*act)(struct actor *actor))
{
	weft_shield shield;

	weft_shield_enter(&shield);
	must(weft_cancelled() == 0);
	act(actor);
	must(weft_cancelled() == 0);
	weft_shield_leave(&shield);
}

void scope_around(struct actor *actor, void (*act)(struct actor *actor))
{
	int64_t deadline_ns = choose(actor, 2) == 0 ? WEFT_FOREVER : soon(actor);
	struct shelf *shelf = &shelves[choose(actor, SHELVES)];
	bool is_shown, cancelled;
	weft_scope scope;
	int code;

	weft_scope_enter(&scope, deadline_ns);
	is_shown = put(shelf, &scope);
	if (choose(actor, 4) == 0)
		act_shielded(actor, act);
	else
		act(actor);
	cancelled = is_shown && take(shelf);
	code = weft_scope_leave(&scope);
	if (cancelled)
		must_be(code == -ECANCELED || code == -ETIMEDOUT, code);
	else
		must_be(code == 0 || code == -ETIMEDOUT, code);
	must(code != -ETIMEDOUT || weft_now() >= deadline_ns);
}

/* A wait inside ends, one under a shield does not. */
static void cancel_oneself(struct actor *actor)
{
	weft_shield shield;
	weft_scope scope;

	weft_scope_enter(&scope, WEFT_FOREVER);
	weft_scope_cancel(&scope);
	must(weft_sleep(WEFT_SECOND) == -ECANCELED);
	weft_shield_enter(&shield);
	must(weft_sleep(choose(actor, 20000)) == 0);
	weft_shield_leave(&shield);
	must(weft_scope_leave(&scope) == -ECANCELED);
}

void scope_act(struct actor *actor)
{
	if (choose(actor, 4) == 0)
		cancel_oneself(actor);
	else
		cancel(&shelves[choose(actor, SHELVES)]);
}
