/* SPDX-License-Identifier: MIT */
/* Linkage of the public declarations, for C and for C++. Nothing here is for programs. */
#ifndef WEFT_API_H
#define WEFT_API_H

#ifdef __cplusplus
#define WEFT_API_BEGIN extern "C" {
#define WEFT_API_END }
#else
#define WEFT_API_BEGIN
#define WEFT_API_END
#endif

#define WEFT_API __attribute__((visibility("default")))

#endif
