#!/usr/bin/env python3
"""Calls that the tree does without, and at most one random draw per statement.

usage: banned.py TREE

Unbounded or stateful string functions are banned by name. Two draws in one expression would be made in
opposite order by gcc and clang (DESIGN §4), so a statement (what stands between ; { and }) may hold one
call of a drawing function. Comments and strings are blanked first. Prints file:line: and the rule; exit 1
if there is any.
"""
import re
import sys

import layers

BANNED = {
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "memcpy of a checked length",
    "stpcpy": "memcpy of a checked length", "strcat": "snprintf", "gets": "a bounded read",
    "strtok": "strcspn", "alloca": "a bounded array", "atoi": "strtoll with its checks",
    "atol": "strtoll with its checks", "atoll": "strtoll with its checks", "atof": "strtod with its checks",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
DRAW = re.compile(r"\bprng_(?:next|at)\s*\(")
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blanked(text):
    """text with comments and literals as spaces; lines and offsets stay."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def check_text(path, text):
    text = blanked(text)
    found = []

    def report(offset, what):
        found.append(f"{path}:{text.count(chr(10), 0, offset) + 1}: {what}")

    for match in CALL.finditer(text):
        report(match.start(1), f"{match[1]}() is banned: {BANNED[match[1]]}")
    start = 0
    for statement in re.split(r"(?<=[;{}])", text):
        draws = list(DRAW.finditer(statement))
        if len(draws) > 1:
            report(start + draws[1].start(), "a second random draw in one statement")
        start += len(statement)
    return found


def check(tree):
    found = []
    for path in layers.sources(tree):
        with open(f"{tree}/{path}", encoding="utf-8") as source:
            found += check_text(path, source.read())
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = check(sys.argv[1])
    print("\n".join(found) if found else "banned: nothing found")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
