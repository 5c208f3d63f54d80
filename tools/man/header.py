# SPDX-License-Identifier: MIT
"""Reads a public header as its author wrote it: the head, and runs of declarations with the comment
that they share.

A header of the house looks like this, and nothing else is understood:

    /* the licence */
    /*
     * Noun: what it is. The rest of the head.
     * Example:
     *
     *	code, after a tab
     */
    ...
    /* A comment belongs to the declarations right below it, */
    WEFT_API int weft_one(void);
    static inline int weft_two(void) { ... }

    /* up to the next empty line or comment. */
    WEFT_API int weft_three(void);

Names with weft__ are private, and left out."""

import re

LABELS = ('Returns', 'Blocks', 'Context', 'Order', 'Progress', 'Cost', 'Source', 'Since')
COMMENT = re.compile(r'/\*.*?\*/', re.S)


class Complaint(Exception):
    """What is wrong with a header, as file:line: text."""


class Declaration:
    def __init__(self, kind, name, text, line):
        self.kind = kind  # 'function', 'type' or 'macro'
        self.name = name
        self.text = text
        self.line = line


class Run:
    """Declarations that stand together, and what is said about them."""

    def __init__(self, comment, line):
        self.comment = comment  # lines
        self.line = line
        self.declarations = []

    def functions(self):
        return [found for found in self.declarations if found.kind == 'function']


class Header:
    def __init__(self, path, include):
        self.path = path
        self.include = include  # weft/mutex.h
        self.name = include.split('/')[-1][:-2]  # mutex
        self.head = []
        self.example = []
        self.runs = []

    def functions(self):
        return [found for run in self.runs for found in run.functions()]

    def types(self):
        return [found for run in self.runs for found in run.declarations if found.kind == 'type']


def lines_of(comment):
    """The text of a comment, line by line, without its stars; what is indented stays so."""
    lines = []
    for line in comment[2:-2].split('\n'):
        line = re.sub(r'^\s*\*( |(?=\t)|$)', '', line) if lines or line.strip() else line.strip()
        lines.append(line.rstrip())
    if lines and lines[0].startswith(' '):
        lines[0] = lines[0][1:]
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return lines


def split_example(lines, path):
    """The lines of a head without its example, which ends it, and the example's code."""
    if 'Example:' not in lines:
        return lines, []
    at = lines.index('Example:')
    code = [line[1:] for line in lines[at + 1:]]
    strays = [line for line in lines[at + 1:] if line and not line.startswith('\t')]
    if strays:
        raise Complaint(f"{path}:1: in its example, but not behind a tab: '{strays[0]}'")
    while code and not code[0]:
        del code[0]
    return lines[:at], code


def end_of_declaration(text, at):
    """Where what begins at `at` has ended: behind its semicolon, or the brace of its body."""
    depth = 0
    body = False
    while at < len(text):
        if text.startswith('/*', at):
            at = text.index('*/', at) + 2
            continue
        if text[at] in '({[':
            # a body begins behind a parameter list, not behind `struct name` or `=`
            body = body or (depth == 0 and text[at] == '{' and text[:at].rstrip().endswith(')'))
            depth += 1
        elif text[at] in ')}]':
            depth -= 1
            if depth == 0 and text[at] == '}' and body:
                return at + 1
        elif text[at] == ';' and depth == 0:
            return at + 1
        at += 1
    return at


def declared(text):
    """(kind, name) of a declaration; kind None if it is none of a program's business."""
    plain = COMMENT.sub(' ', text)
    if plain.startswith('#define'):
        name = re.match(r'#define\s+(\w+)', plain).group(1)
        shown = re.match(r'WEFT_(?!_)', name) and not re.match(r'#define\s+\w+_H\s*$', plain)
        return ('macro' if shown else None), name
    if plain.startswith('#') or 'weft__' in plain.split('(')[0].split('{')[0]:
        return None, ''
    if plain.startswith('typedef'):
        if '{' in plain:
            name = re.search(r'\}\s*(\w+)\s*;\s*$', plain).group(1)
        else:
            found = re.search(r'\(\*\s*(\w+)\)\s*\(|(\w+)\s*\([^()]*\)\s*;|(\w+)\s*;\s*$', plain)
            name = next(group for group in found.groups() if group)
        return 'type', name
    found = re.match(r'(?:WEFT_API|static inline)\s[^(;{]*?\b(\w+)\s*\(', plain)
    if found:
        return 'function', found.group(1)
    found = re.match(r'(?:struct|union|enum)\s+(\w+)\s*[{;]', plain)
    return ('type' if found and '{' in plain else None), found.group(1) if found else ''


def read_items(header, text):
    """Yields (what, text, line): 'comment', 'code', 'gap', in the order of the file."""
    at = 0
    while at < len(text):
        line = text.count('\n', 0, at) + 1
        blank = re.compile(r'\s+').match(text, at)
        if blank:
            at = blank.end()
            if blank.group().count('\n') > 1:
                yield 'gap', '', line
            continue
        if text.startswith('/*', at):
            end = text.index('*/', at) + 2
            yield 'comment', text[at:end], line
        elif text[at] == '#':
            end = re.compile(r'(?:\\\n|[^\n])*').match(text, at).end()
            yield 'code', text[at:end], line
        elif text.startswith(('WEFT_API_BEGIN', 'WEFT_API_END'), at):
            end = re.compile(r'\w+').match(text, at).end()
        else:
            end = end_of_declaration(text, at)
            yield 'code', text[at:end], line
        at = end


def read(path, include):
    header = Header(path, include)
    with open(path, encoding='utf-8') as file:
        text = file.read()
    comments = 0
    run = None
    for what, piece, line in read_items(header, text):
        if what == 'comment':
            comments += 1
            if comments == 2:
                header.head, header.example = split_example(lines_of(piece), path)
            if comments > 2:
                run = Run(lines_of(piece), line)
                header.runs.append(run)
        elif what == 'gap':
            run = None
        else:
            kind, name = declared(piece)
            if kind is None:
                continue
            if run is None:
                if kind == 'function':
                    raise Complaint(f'{path}:{line}: nothing is said about {name}')
                run = Run([], line)
                header.runs.append(run)
            run.declarations.append(Declaration(kind, name, piece, line))
    if not header.head:
        raise Complaint(f'{path}:1: its head does not say what it is for')
    return header


def sections(lines):
    """A comment taken apart at its labels: [(label, lines)], the description first, label ''."""
    label = re.compile(r'(?:^|(?<=[.;:)] ))(Returns(?=\s)|(?:%s)(?=:|  ))(?:[: ]\s*)'
                       % '|'.join(LABELS[1:]))
    found = [('', [])]
    for line in lines:
        at = 0
        for match in label.finditer(line):
            before = line[at:match.start()].rstrip()
            if before:
                found[-1][1].append(before)
            found.append((match.group(1), []))
            at = match.end()
        rest = line[at:]
        if rest or not line:
            found[-1][1].append(rest)
    return found
