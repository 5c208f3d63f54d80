/* SPDX-License-Identifier: MIT */
/* The page that reads /threads.json and shows it. */
#ifndef WEFT_SERVE_HTTP_ADMIN_PAGE_H
#define WEFT_SERVE_HTTP_ADMIN_PAGE_H

extern const char weft__admin_page[];

#endif
