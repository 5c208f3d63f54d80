/* SPDX-License-Identifier: MIT */
/* What the numbers of HTTP's answers mean, to a program and to a person. */
#ifndef WEFT_SERVE_HTTP_STATUS_H
#define WEFT_SERVE_HTTP_STATUS_H

/* "Not Found" */
const char *weft__http_status_reason(int status);

/* A sentence for the page that says so. */
const char *weft__http_status_sentence(int status);

/* What a failed call says to the client. */
int weft__http_status_of_error(int error);

#endif
