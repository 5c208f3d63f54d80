/* SPDX-License-Identifier: MIT */
#include "arch/hold.h"

void (*weft__hold_fulfil)(struct weft__hold *self);
