/* SPDX-License-Identifier: MIT */
#include "serve/http/admin_page.h"
const char weft__admin_page[] = "<h1>soon</h1>";
