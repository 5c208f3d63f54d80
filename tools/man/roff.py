# SPDX-License-Identifier: MIT
"""Text of the headers in the language of man(7)."""

import re

WORD = re.compile(r'`([^`]+)`|(<weft/\w+\.hp?p?>)|\b(weft_\w+)(?:\(\))?(?!\w)|\b(WEFT_[A-Z_0-9]+)|'
                  r'(?<![\w-])(-E[A-Z][A-Z0-9]+)')
CODES = r'(?:-E[A-Z0-9]+(?:(?:,| and| or|,? …) )?)+'


def plain(text):
    """Text that troff shows as it is."""
    text = text.replace('\\', '\\e').replace('…', '...').replace('-', '\\-')
    return ''.join(c if ord(c) < 128 else '\\[u%04X]' % ord(c) for c in text)


def guard(text):
    """A line that begins like a request is made to begin otherwise."""
    return '\\&' + text if text[:1] in ('.', "'") else text


class Text:
    """Knows which names have pages."""

    def __init__(self, functions):
        self.functions = functions

    def inline(self, text):
        out = []
        at = 0
        for found in WORD.finditer(text):
            out.append(plain(text[at:found.start()]))
            code, include, name, constant, error = found.groups()
            # a name is not to be broken at the end of a line
            marked = plain(code or include or name or constant or error)
            out.append('\\fB' + ('' if code else '\\%') + marked + '\\fP')
            if name in self.functions:
                out.append('(3)')
            at = found.end()
        return ''.join(out) + plain(text[at:])

    def paragraph(self, lines):
        text = ' '.join(line.strip() for line in lines)
        # troff spaces sentences by the ends of its input lines
        return [guard(line) for line in re.split(r'(?<=[.?!]) +', self.inline(text)) if line]

    def tagged(self, tag, lines):
        # a tag without a text would take the next request for one
        return ['.TP', guard(self.inline(tag)), *(self.paragraph(lines) or ['\\&'])]

    def blocks(self, lines):
        """Paragraphs; lists of `  term  text`; code, which is behind a tab."""
        out, state, pending, tag, column, margin = [], None, [], '', 0, 0

        def flush():
            nonlocal pending
            if state == 'text' and pending:
                out.extend(['.PP', *self.paragraph(pending)])
            elif state == 'item':
                out.extend(self.tagged(tag, pending))
            elif state == 'code':
                out.extend(code(pending))
            pending = []

        for line in lines:
            item = re.match(r'( {2,})(\S+(?: \S+)*) {2,}(\S.*)', line)
            indent = len(line) - len(line.lstrip(' '))
            if state == 'item' and indent == margin and line[column - 1:column] == ' ':
                # a long term in a list has one space behind it
                item = re.match(r'( {%d})(.{%d}) (.*)' % (margin, column - margin - 1), line)
            if line.startswith('\t'):
                if state != 'code':
                    flush()
                    state = 'code'
                pending.append(line[1:])
            elif not line:
                if state == 'code':
                    pending.append('')
                else:
                    flush()
                    state = None
            elif item and (state != 'item' or indent < column):
                flush()
                state, tag, column, margin = 'item', item.group(2).rstrip(), item.start(3), indent
                pending.append(item.group(3))
            elif state == 'item' and indent >= 2:
                pending.append(line)
            else:
                # what to leave alone is said in a paragraph of its own
                if state != 'text' or line.startswith('When not'):
                    flush()
                    state = 'text'
                pending.append(line)
        flush()
        return out

    def labelled(self, label, lines):
        """What stands behind a label, as a section of its own."""
        first = lines[0] if lines else ''
        if label == 'Cost' and first.startswith('bench '):
            first = 'Measured by `weft bench`: ' + first[len('bench '):]
        if re.match(r'[a-z]+\b(?!_)', first):
            first = first[:1].upper() + first[1:]
        return self.blocks([first, *lines[1:]])

    def returns(self, lines):
        """A list of codes where there is one, else what stands there."""
        if any(re.match(r' {2,}\S+ {2,}\S', line) for line in lines):
            return self.blocks(lines)
        text = ' '.join(line.strip() for line in lines)
        parts = re.split(r'(?<=[;.]) +(?=-E[A-Z]|_try:|_until:|0[:;])', text)
        if len(parts) == 1:
            return ['.PP', *self.paragraph([text])]
        out = []
        for part in parts:
            found = re.match(r'((?:_try: |_until: )?(?:%s|0(?=[:; .])))(?:[:;.] ?)?(.*)' % CODES, part)
            if found:
                said = found.group(2).rstrip(';')
                if '. ' not in said:
                    said = said.rstrip('.')
                out.extend(self.tagged(found.group(1).strip().rstrip(','), [said]))
            elif out:
                out.extend(self.paragraph([part]))
            else:
                out.extend(['.PP', *self.paragraph([part])])
        return out


def code(lines):
    lines = list(lines)
    while lines and not lines[-1]:
        del lines[-1]
    return ['.PP', '.in +4n', '.nf', *(guard(plain(line.expandtabs(8))) for line in lines), '.fi', '.in']


def prototype(text):
    """A declaration for the synopsis: bold, its parameters in italics, wrapped at commas."""
    text = re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)
    text = text.split('{')[0]
    text = re.sub(r'^(WEFT_API|static inline)\s+', '', re.sub(r'__attribute__\s*\(\(.*?\)\)', '', text))
    text = re.sub(r'\s+', ' ', text).strip().rstrip(';').rstrip() + ';'
    head, rest = text.split('(', 1)
    lines, line = [], head + '('
    for part in re.split(r'(?<=,) ', rest):
        if len(line) + len(part) > 76 and not line.endswith('('):
            lines.append(line.rstrip())
            line = '    '
        line += part + ' '
    lines.append(line.rstrip())
    out = []
    for line in lines:
        # a name that is followed by a comma, a parenthesis or a bracket, and has a type before it
        marked = re.sub(r'(?<=[\s*])(\w+)(?=[,)\[])', '\\\\fI\\1\\\\fB', plain(line))
        out.append('\\fB' + marked.replace('\\fIvoid\\fB', 'void') + '\\fP')
    return out
