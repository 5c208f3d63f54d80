/* SPDX-License-Identifier: MIT */
#include "sys/linux/force.h"

struct weft__sys_force weft__sys_force;
