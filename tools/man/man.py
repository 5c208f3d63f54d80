#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man.py --version VERSION --out FOLDER HEADER...: makes man pages of the public headers.

  man3/weft_mutex_lock.3   each call; calls that share a comment share a page
  man7/weft_mutex.7        each header: its head, its types and constants, its calls
  man7/weft.7              what is said once for all, from weft.h

With --examples it writes the example of each header instead: mutex.example, ….

A call of which a header says nothing is an error: so no page is empty, and no call without one."""

import argparse
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True  # else it would leave a folder in the sources

import header as headers
from roff import Text, code, guard, plain, prototype

TITLES = {'Returns': 'RETURN VALUE', 'Blocks': 'BLOCKING', 'Context': 'CONTEXT', 'Order': 'MEMORY ORDER',
          'Progress': 'PROGRESS', 'Cost': 'COST', 'Source': 'SOURCE', 'Since': 'HISTORY'}


def summary(lines, most=72):
    """The first words of a comment, short enough for the one line that whatis(1) shows."""
    text = re.sub(r'\s+', ' ', ' '.join(lines)).strip()
    for stop in (r'\.(?= |$)', r'[.;:](?= |$)', r'[.;:,(]'):
        first = re.split(stop, text, maxsplit=1)[0].strip()
        if len(first) <= most:
            break
    first = first.replace('`', '')
    return first[:1].lower() + first[1:] if first[1:2].islower() or first[1:2] == ' ' else first


class Book:
    def __init__(self, version, found):
        self.version = version
        self.headers = found
        self.pages = {}  # man3/name.3: lines
        self.first = {}  # each function: the page it is on
        self.short = {}  # each function: what it does, in a line
        for header in found:
            for run in header.runs:
                for function in run.functions():
                    self.first[function.name] = run.functions()[0].name
        self.text = Text(self.first)

    def title(self, name, section):
        return ['.\\" Made from the headers by tools/man: a change belongs there.',
                f'.TH {plain(name)} {section} "" "weft {self.version}" "weft"']

    def describe(self, header, run):
        """(summary, description): of a _try or _until alone, by what it is a form of."""
        name = run.functions()[0].name
        lines = [line for label, part in headers.sections(run.comment) if label == '' for line in part]
        returns = [line for label, part in headers.sections(run.comment) if label == 'Returns'
                   for line in part]
        if any(line.strip() for line in lines):
            return summary(lines), lines
        for suffix, short, said in (('_try', 'without waiting', 'but never waits'),
                                    ('_until', 'until a deadline', 'but waits until the deadline at most')):
            if name.endswith(suffix) and name[:-len(suffix)] in self.first:
                plain_form = name[:-len(suffix)]
                return (f'{plain_form}, {short}', [f'As {plain_form}, {said}.'])
        if returns and not re.match(r'0|-E|_', returns[0]):
            return 'returns ' + summary(returns), ['Returns ' + returns[0], *returns[1:]]
        raise headers.Complaint(f'{header.path}:{run.line}: it is not said what {name} does')

    def function_page(self, header, run):
        functions = run.functions()
        names = list(dict.fromkeys(function.name for function in functions))
        short, description = self.describe(header, run)
        for name in names:
            self.short[name] = short
        out = self.title(names[0], 3)
        out += ['.SH NAME', f'{", ".join(map(plain, names))} \\- {plain(short)}',
                '.SH SYNOPSIS', '.nf', f'\\fB#include <{header.include}>\\fP', '.PP']
        for function in functions:
            out += prototype(function.text)
        out += ['.fi', '.SH DESCRIPTION', *self.text.blocks(description)]
        merged = {}
        for label, lines in headers.sections(run.comment)[1:]:
            merged.setdefault(label, []).extend([*lines])
        for label in headers.LABELS:
            if label in merged:
                out += [f'.SH {TITLES[label]}']
                out += (self.text.returns(merged[label]) if label == 'Returns'
                        else self.text.labelled(label, merged[label]))
        if any(re.search(r'\b%s\b' % name, line) for name in names for line in header.example):
            out += ['.SH EXAMPLES', *code(header.example)]
        others = dict.fromkeys(self.first[other.name] for other in header.functions())
        see = [f'.BR {plain(page_of(header))} (7)']
        see += [f'.BR {plain(other)} (3)' for other in others if other != names[0]]
        if header.name != 'weft':
            see.append('.BR weft (7)')
        out += ['.SH SEE ALSO', *(line + ',' for line in see[:-1]), see[-1]]
        self.pages[f'man3/{names[0]}.3'] = out
        for name in names[1:]:
            self.pages[f'man3/{name}.3'] = [f'.so man3/{names[0]}.3']

    def header_page(self, header):
        name = page_of(header)
        out = self.title(name, 7)
        noun, _, what = header.head[0].partition(': ')
        short = summary([what or noun, *header.head[1:]], 110)
        out += ['.SH NAME', f'{plain(name)} \\- {plain(short)}', '.SH SYNOPSIS', '.nf',
                f'\\fB#include <{header.include}>\\fP', '.fi', '.SH DESCRIPTION',
                *self.text.blocks(header.head)]
        declarations = []
        for run in header.runs:
            shown = [found for found in run.declarations if found.kind != 'function']
            if not shown:
                continue
            if not run.functions() and run.comment:
                declarations += [('/* ' if at == 0 else ' * ') + line
                                 for at, line in enumerate(run.comment)]
                declarations[-1] += ' */'
            for found in shown:
                declarations += found.text.split('\n')
            declarations.append('')
        if declarations:
            out += ['.SH TYPES AND CONSTANTS', *code(declarations)]
        calls = dict.fromkeys(self.first[function.name] for function in header.functions())
        if calls:
            out.append('.SH CALLS')
            for first in calls:
                names = dict.fromkeys(other for other in self.first if self.first[other] == first)
                out += ['.TP', ', '.join(f'\\fB{plain(other)}\\fP(3)' for other in names),
                        guard(plain(self.short[first]))]
        if header.example:
            out += ['.SH EXAMPLES', *code(header.example)]
        out += ['.SH SEE ALSO']
        if header.name == 'weft':
            others = [page_of(other) for other in self.headers if other is not header]
            out += [f'.BR {plain(other)} (7),' for other in others[:-1]]
            out += [f'.BR {plain(others[-1])} (7)'] if others else ['weft']
        else:
            out += ['.BR weft (7)']
        self.pages[f'man7/{name}.7'] = out
        for found in header.types():
            self.pages.setdefault(f'man7/{found.name}.7', [f'.so man7/{name}.7'])

    def write(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        for section in ('man3', 'man7'):
            os.makedirs(os.path.join(folder, section))
        for name, lines in self.pages.items():
            with open(os.path.join(folder, name), 'w', encoding='ascii') as file:
                file.write('\n'.join(lines) + '\n')


def page_of(header):
    return 'weft' if header.name == 'weft' else f'weft_{header.name}'


def write_examples(found, folder):
    os.makedirs(folder, exist_ok=True)
    for header in found:
        if header.example:
            with open(os.path.join(folder, header.name + '.example'), 'w', encoding='utf-8') as file:
                file.write('\n'.join(header.example) + '\n')


def main():
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--version', required=True)
    options.add_argument('--out', required=True)
    options.add_argument('--examples', action='store_true',
                         help='write the examples of the headers instead, one file each')
    options.add_argument('headers', nargs='+', metavar='HEADER')
    given = options.parse_args()
    bad = 0
    found = []
    for path in given.headers:
        if not path.endswith('.h') or os.path.basename(path) == 'api.h':
            continue
        try:
            found.append(headers.read(path, 'weft/' + os.path.basename(path)))
        except headers.Complaint as complaint:
            print(f'man: {complaint}', file=sys.stderr)
            bad = 1
    book = Book(given.version, found)
    for header in found:
        for run in header.runs:
            if not run.functions():
                continue
            try:
                book.function_page(header, run)
            except headers.Complaint as complaint:
                print(f'man: {complaint}', file=sys.stderr)
                bad = 1
    if bad:
        return 1
    if given.examples:
        write_examples(found, given.out)
        return 0
    for header in found:
        book.header_page(header)
    book.write(given.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
