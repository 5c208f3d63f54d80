/* SPDX-License-Identifier: MIT */
/* Which type a file is said to have, by the end of its name. */
#ifndef WEFT_SERVE_HTTP_MIME_H
#define WEFT_SERVE_HTTP_MIME_H

/* Static text for Content-Type; what is not known is "application/octet-stream". */
const char *weft__http_mime(const char *path);

#endif
