#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man_test.py FOLDER: the man pages that the build has made of the public headers."""

import glob
import os
import re
import subprocess
import sys
import tempfile

pages = os.path.realpath(sys.argv[1])
root = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
public = sorted(glob.glob(os.path.join(root, 'include', 'weft', '*.h')))
COMPILER = os.environ.get('CC', 'cc').split()


class Failure(Exception):
    pass


def expect(truth, text):
    if not truth:
        raise Failure(text)


def output_of(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, **options)


def read(path):
    with open(path, encoding='ascii') as file:
        return file.read()


def page_of(name):
    """The text of a page of section 3, through its link."""
    text = read(f'{pages}/man3/{name}.3')
    link = re.match(r'\.so (\S+)\n', text)
    return read(f'{pages}/{link.group(1)}') if link else text


def calls():
    """What the compiler sees of the headers, so that the generator is not asked about itself."""
    source = ''.join(f'#include "{header}"\n' for header in public)
    text = output_of(*COMPILER, '-E', '-P', '-I', root + '/include', '-x', 'c', '-', input=source).stdout
    text = re.sub(r'\s+', ' ', text)
    declaration = (r'(?:__attribute__ ?\(\(visibility\("default"\)\)\)|static inline)'
                   r' [\w* ]*?\b(weft_[a-z]\w*)\(')
    return sorted(set(re.findall(declaration, text)))


def each_call_has_a_page():
    names = calls()
    expect(len(names) > 100, f'only {len(names)} calls were found')
    for name in names:
        expect(os.path.exists(f'{pages}/man3/{name}.3'), f'no page for {name}')
        found = re.search(r'^\.SH NAME\n(.*) \\- (.+)\n\.SH SYNOPSIS\n(.*?)^\.SH DESCRIPTION\n(.*?)^\.SH',
                          page_of(name), re.M | re.S)
        expect(found, f'the page of {name} is not like the others')
        expect(name in found.group(1).split(', '), f'it does not bear the name {name}')
        expect(f'{name}(' in found.group(3), f'it does not declare {name}')
        expect(found.group(4).strip(), f'it does not say what {name} does')


def each_header_has_a_page():
    for header in public:
        name = os.path.basename(header)[:-2]
        if name != 'api':
            page = 'weft' if name == 'weft' else f'weft_{name}'
            expect(os.path.exists(f'{pages}/man7/{page}.7'), f'no page for {header}')
    expect('\n.SH EXAMPLES\n' in read(f'{pages}/man7/weft_mutex.7'), 'it has lost its example')
    expect(read(f'{pages}/man7/weft_sched_options.7') == '.so man7/weft_sched.7\n', 'a type has no link')


def labels_become_sections():
    shown = output_of('man', '-P', 'cat', '-l', f'{pages}/man3/weft_thread_spawn.3',
                      env={**os.environ, 'MANWIDTH': '80'}).stdout
    for text in ('RETURN VALUE\n', 'BLOCKING\n', 'COST\n', 'SEE ALSO\n', '-EINVAL\n'):
        expect(text in shown, f'no {text!r} in:\n{shown}')


def nothing_is_to_be_warned_of():
    texts = [page for page in sorted(glob.glob(pages + '/man[37]/*')) if not read(page).startswith('.so ')]
    result = output_of('groff', '-man', '-ww', '-z', *texts)
    expect(result.returncode == 0 and not result.stderr, result.stderr)
    result = output_of('man', '--warnings', '-P', 'cat', '-l', f'{pages}/man7/weft.7')
    expect(result.returncode == 0 and not result.stderr, result.stderr)


def links_lead_to_pages():
    for page in sorted(glob.glob(pages + '/man[37]/*')):
        text = read(page)
        targets = re.findall(r'^\.so (\S+)$', text, re.M)
        targets += [f'man{section}/{name}.{section}'
                    for name, section in re.findall(r'^\.BR (\w+) \(([37])\)', text, re.M)]
        expect(targets, f'{page} leads nowhere')
        for target in targets:
            expect(os.path.exists(f'{pages}/{target}'), f'{page} leads to {target}, which is not there')


def a_call_of_which_nothing_is_said_is_refused():
    def made(text):
        with open('loom.h', 'w', encoding='ascii') as file:
            file.write('/* SPDX-License-Identifier: MIT */\n/* Loom: a thing. */\n' + text)
        return output_of(root + '/tools/man/man.py', '--version', '0', '--out', 'made', 'loom.h')

    refused = (
        ('WEFT_API int weft_loom_a(void);\n', 'loom.h:3: nothing is said about weft_loom_a'),
        ('\n/* Does a. */\nWEFT_API int weft_loom_a(void);\n\n'
         'static inline int weft_loom_b(void)\n{\n\treturn 0;\n}\n', 'loom.h:7: nothing is said about weft_loom_b'),
        ('\n/* Returns 0; -EINVAL. */\nWEFT_API int weft_loom_a(void);\n',
         'loom.h:4: it is not said what weft_loom_a does'),
    )
    for text, complaint in refused:
        result = made(text)
        expect(result.returncode == 1 and complaint in result.stderr, f'{text}: {result.stderr!r}')
        expect(not os.path.exists('made'), 'it has made pages all the same')
    result = made('\n/* Does a. */\nWEFT_API int weft_loom_a(void);\n')
    expect(result.returncode == 0 and 'weft_loom_a \\- does a\n' in read('made/man3/weft_loom_a.3'),
           result.stderr)


failures = 0
for test in (each_call_has_a_page, each_header_has_a_page, labels_become_sections,
             nothing_is_to_be_warned_of, links_lead_to_pages, a_call_of_which_nothing_is_said_is_refused):
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            test()
            print(f'ok      {test.__name__}')
        except Failure as failure:
            print(f'FAILED  {test.__name__}: {failure}')
            failures += 1
        os.chdir(root)
sys.exit(1 if failures else 0)
