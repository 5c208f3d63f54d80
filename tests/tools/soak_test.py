#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""soak_test.py WEFT KIND SECONDS CARRIERS: foreign libraries give on weft's threads what they give
on a plain one, while their threads are switched away in the middle of them."""

import json
import subprocess
import sys

weft, kind, seconds, carriers = sys.argv[1:]
THREADS = 100
bad = 0


def complain(text):
    global bad
    print(text, file=sys.stderr)
    bad = 1


ran = subprocess.run([weft, 'soak', '--json', '--quiet', '--kind', kind, '--seconds', seconds,
                      '--carriers', carriers, '--threads', str(THREADS), '--slice-us', '200'],
                     stdout=subprocess.PIPE, text=True)
print(ran.stdout)
if ran.returncode != 0:
    complain(f'exit status {ran.returncode}')
found = json.loads(ran.stdout or '{}')
if found.get('differences') != 0:
    complain('something differed')
if found.get('fds_left') != 0:
    complain('descriptors were left')
if found.get('lives', 0) < THREADS:
    complain('threads were not made')
for name, times in found.get('by_operation', {'': 0}).items():
    if times == 0:
        complain(f'nothing was done with {name}')
if kind == 'user' and found.get('preemptions', 0) == 0:
    complain('nobody was switched away by force')
sys.exit(bad)
