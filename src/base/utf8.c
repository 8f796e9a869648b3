/* SPDX-License-Identifier: Apache-2.0 */
#include "cbsfs/utf8.h"

size_t utf8_decode(const char *text, uint32_t *point)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const unsigned char *at = (const unsigned char *)text;

    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        if ((at[0] & forms[form].mask) != forms[form].lead)
            continue;
        uint32_t value = at[0] & (unsigned char)~forms[form].mask;
        for (size_t i = 1; i <= form; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return 0;
            value = value << 6 | (at[i] & 0x3f);
        }
        if (value < forms[form].least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
            return 0;
        *point = value;
        return form + 1;
    }
    return 0;
}

bool utf8_is_hidden(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, /* C0, DEL, C1 */
        {0x061c, 0x061c},                   /* Arabic letter mark */
        {0x200b, 0x200b}, {0x200e, 0x200f}, /* no width; left-to-right and right-to-left marks */
        {0x2028, 0x202e}, /* ends of lines and paragraphs; embeddings, overrides */
        {0x2060, 0x2064}, {0x2066, 0x206f}, /* invisible operators; isolates, deprecated controls */
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, /* byte order mark; annotations */
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    }
    return false;
}
