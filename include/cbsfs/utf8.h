/* SPDX-License-Identifier: Apache-2.0 */
/* Characters: what is one, and which of them a reader does not see. Pure. */
#ifndef CBSFS_UTF8_H
#define CBSFS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length (1..4) of the well-formed UTF-8 sequence at `text` and its code point; 0 if there is none
 * (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF). A NUL ends every sequence, so
 * nothing is read behind the end of a string. */
size_t utf8_decode(const char *text, uint32_t *point);

/*
 * True for what is not a visible character but an order to whoever shows the text: C0, DEL and C1
 * drive terminals, U+2028 and U+2029 end lines, the bidirectional controls reorder what stands
 * around them, and those of no width make two different names look the same.  Not for the joiners
 * U+200C and U+200D, which Persian and many emoji are written with.
 */
bool utf8_is_hidden(uint32_t point);

#endif
