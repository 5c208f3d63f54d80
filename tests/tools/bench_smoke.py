#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench_smoke.py WEFT: every benchmark runs, with little work, and says so in the promised form."""

import json
import os
import re
import subprocess
import sys

weft = sys.argv[1]
KEYS = ['bench', 'case', 'kind', 'who', 'value', 'unit', 'runs', 'min', 'max']
# What one costs more than another: with little work it may be less than nothing.
DIFFERENCES = ['preempt-cost', 'preempt-overhead', 'wrapped-call']
bad = 0


def complain(text):
    global bad
    print(text, file=sys.stderr)
    bad = 1


def run(*args):
    return subprocess.run([weft, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check(line, kind):
    found = json.loads(line)
    if list(found) != KEYS:
        complain(f'{line}: not the fields {KEYS}')
        return
    if found['who'] != 'weft' or found['kind'] not in kind:
        complain(f'{line}: who?')
    if found['runs'] != 2 or not found['min'] <= found['value'] <= found['max']:
        complain(f'{line}: not a median of two')
    if not found['unit'] or (found['min'] < 0 and found['bench'] not in DIFFERENCES):
        complain(f'{line}: of what?')
    if found['case'] == 'trapped' and found['min'] != 1000:
        complain(f'{line}: a guard did not trap')
    if found['bench'] == 'preempt-idle' and found['max'] != 0:
        complain(f'{line}: a tick, and nobody waited')
    if found['case'] in ('lost', 'doubled') and found['max'] != 0:
        complain(f'{line}: in a storm of cancels')
    seen.add(found['bench'])


# A peer that measures what weft has not is never asked.
def peers():
    folder = os.path.join(os.path.dirname(weft), 'peers')
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            yield name, subprocess.run([path, '--list'], stdout=subprocess.PIPE, text=True)


listed = [line.split()[0] for line in run('bench', '--list').stdout.splitlines()]
if len(listed) < 10:
    complain(f'only {listed} are listed')
for args, kinds in (((), ('light', 'user', 'kernel')), (('--kind', 'kernel'), ('kernel',)),
                    (('--kind', 'user'), ('user', 'kernel'))):
    seen = set()
    result = run('bench', '--quick', '--runs', '2', '--json', *args)
    if result.returncode != 0:
        complain(f'bench {args}: exit status {result.returncode}\n{result.stderr}')
    for text in result.stdout.splitlines():
        check(text, kinds)
    if not args and seen | {'server'} != set(listed):
        complain(f'listed and not measured: {set(listed) - seen}')

for name, result in peers():
    others = set(result.stdout.split()) - set(listed)
    if result.returncode != 0 or not result.stdout or others:
        complain(f'{name} --list: exit status {result.returncode}; not known here: {others}')

# What a header promises, it names the proof of.
headers = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../include/weft')
for header in sorted(os.listdir(headers)):
    with open(os.path.join(headers, header), encoding='utf-8') as text:
        for name in set(re.findall(r'[Bb]ench ([a-z0-9-]+)', text.read())) - set(listed):
            complain(f'{header} names the benchmark {name}, and there is none')

# What it says to those who ask for what there is not.
for args, said in ((('bench', 'yeild'), "did you mean 'yield'"), (('bnech',), "did you mean 'bench'"),
                   (('bench', '--runs', '0'), '1 to 1000'), (('bench', '--count', '1x'), '0 or more'),
                   (('bench', '--kind', 'usr'), "'light', 'user' or 'kernel'"),
                   (('bench', '--jsn'), "'--jsn'"), ((), 'usage: weft COMMAND')):
    result = run(*args)
    if result.returncode != 2 or said not in result.stderr or result.stdout:
        complain(f'weft {args}: exit status {result.returncode}, {result.stderr!r}')
for args in ('--help',), ('help',), ('help', 'bench'), ('bench', '--help'), ('version',):
    result = run(*args)
    lines = result.stdout.splitlines()
    if result.returncode != 0 or not 0 < len(lines) <= 24 or max(map(len, lines)) > 80:
        complain(f'weft {args}: does not fit a screen')

sys.exit(bad)
