#!/usr/bin/env python3
"""Who may include whom (DESIGN §3).

usage: layers.py TREE

Every source file belongs to one layer by its path; a layer lists the layers it may include. A [pure]
layer may not include system headers that give it a clock, a file, a socket or a thread. Files of the
project are included by their path from the root; names that are no file of the tree are taken for
generated or system ones. Prints file:line: and the rule; exit 1 if there is any.
"""
import os
import re
import sys

FOLDERS = ["harness", "workloads", "faults", "emulator", "reports", "tests"]

# First match wins: the io parts of otherwise pure folders stand before their folder.
LAYER_OF_PATH = [
    (r"harness/base/", "base"),
    (r"harness/net/", "net"),
    (r"harness/load/", "load"),
    (r"harness/run/", "run"),
    (r"harness/cli/", "cli"),
    (r"workloads/", "workloads"),
    (r"faults/(relay|process)", "faults-io"),
    (r"faults/", "faults"),
    (r"emulator/(serve|mirror)", "emulator-io"),
    (r"emulator/", "emulator"),
    (r"reports/(store|pack|verify|rescore|capture|sign)", "reports-io"),
    (r"reports/", "reports"),
    (r"tests/", "tests"),
]

# What the emulator may know of faults: the verbs, the kinds and their laws (DESIGN §3).
FAULT_CONTRACTS = {"faults/sink.h", "faults/kind.h", "faults/variant.h", "faults/message_law.h"}

COMPOSABLE = {"base", "net", "load", "workloads", "faults", "faults-io", "emulator", "emulator-io",
              "reports", "reports-io"}
MAY_INCLUDE = {
    "base": {"base"},
    "net": {"base", "net"},
    "load": {"base", "net", "load"},
    "workloads": {"base", "workloads"},
    "faults": {"base", "faults"},
    "faults-io": {"base", "net", "faults", "faults-io"},
    "emulator": {"base", "emulator"},
    "emulator-io": {"base", "net", "emulator", "emulator-io"},
    "reports": {"base", "reports"},
    "reports-io": {"base", "net", "reports", "reports-io"},
    "run": COMPOSABLE | {"run"},
    "cli": COMPOSABLE | {"run", "cli"},
    "tests": COMPOSABLE | {"run", "cli", "tests"},
}

PURE = {"base", "workloads", "faults", "emulator", "reports"}
IMPURE_HEADERS = re.compile(
    r"^(time|sys/.*|unistd|fcntl|poll|signal|pthread|threads|netdb|netinet/.*|arpa/.*|net/.*|linux/.*"
    r"|dirent|spawn|termios|semaphore|math|tgmath|complex|fenv|setjmp|locale|liburing.*|pcap.*"
    r"|sqlite3|archive.*|llhttp)\.h$")
IMPURE_ALLOWED = {("harness/base/check.c", "unistd.h")}  # write(2) of a failed assertion

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path):
    for pattern, layer in LAYER_OF_PATH:
        if re.match(pattern, path):
            return layer
    return None


def sources(tree):
    for folder in FOLDERS:
        for where, folders, files in os.walk(os.path.join(tree, folder)):
            folders.sort()
            for name in sorted(files):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(where, name), tree)


def private_to(header, includer):
    """foo_private.h, and json_doc.h by its own word, are for the files beside them."""
    if re.search(r"_private\.h$", header):
        return os.path.dirname(header) == os.path.dirname(includer)
    if header == "harness/base/json_doc.h":
        return includer.startswith("harness/base/json")
    return True


def complaint(tree, path, layer, bracket, name):
    """What is wrong with one include, or None."""
    if not os.path.isfile(os.path.join(tree, name)):
        if bracket == '"' and os.path.isfile(os.path.join(tree, os.path.dirname(path), name)):
            return f'"{name}" is no path from the root'
        if layer in PURE and IMPURE_HEADERS.match(name) and (path, name) not in IMPURE_ALLOWED:
            return f"<{name}> in [pure] code"
        return None
    target = layer_of(name)
    if layer == "tests":
        return None
    if not private_to(name, path):
        return f"{name} is private"
    if target in MAY_INCLUDE[layer]:
        return None
    if layer in ("emulator", "emulator-io") and name in FAULT_CONTRACTS:
        return None
    return f"{layer} may not include {target} ({name})"


def check(tree):
    found = []
    for path in sources(tree):
        layer = layer_of(path)
        if layer is None:
            found.append(f"{path}:1: belongs to no layer")
            continue
        with open(os.path.join(tree, path), encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                match = INCLUDE.match(line)
                wrong = match and complaint(tree, path, layer, match[1], match[2])
                if wrong:
                    found.append(f"{path}:{number}: {wrong}")
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = check(sys.argv[1])
    print("\n".join(found) if found else "layers: nothing found")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
