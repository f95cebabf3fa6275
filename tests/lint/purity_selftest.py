#!/usr/bin/env python3
"""Compiles objects that do what pure code may not, and demands that purity.py finds each of them."""
import argparse
import os
import subprocess
import tempfile

import purity

# What an object does, and the symbol that must be found in it.
PLANTED = {
    "clock": ("#include <time.h>\nlong f(void) { struct timespec t; clock_gettime(0, &t); return t.tv_sec; }",
              "clock_gettime"),
    "wall": ("#include <time.h>\nlong f(void) { return time(0); }", "time"),
    "chance": ("#include <stdlib.h>\nint f(void) { return rand(); }", "rand"),
    "entropy": ("#include <sys/random.h>\nlong f(char *b) { return getrandom(b, 8, 0); }", "getrandom"),
    "file": ('#include <stdio.h>\nvoid *f(void) { return fopen("x", "r"); }', "fopen"),
    "descriptor": ("#include <fcntl.h>\nint f(const char *p) { return open(p, O_RDONLY); }", "open"),
    "print": ("#include <stdio.h>\nvoid f(int i) { fprintf(stderr, \"%d\", i); }", "stderr"),
    "socket": ("#include <sys/socket.h>\nint f(void) { return socket(1, 1, 0); }", "socket"),
    "receive": ("#include <sys/socket.h>\nlong f(char *b) { return recv(0, b, 1, 0); }", "recv"),
    "logarithm": ("#include <math.h>\ndouble f(double x) { return log(x); }", "log"),
    "power": ("#include <math.h>\ndouble f(double x) { return pow(x, x); }", "pow"),
    "surroundings": ('#include <stdlib.h>\nchar *f(void) { return getenv("HOME"); }', "getenv"),
    "abort": ("#include <stdlib.h>\nvoid f(void) { abort(); }", "abort"),
}
CLEAN = {
    # Our own function of a banned name's look is no reference to the system's.
    "own": ("int time_of(int x); int f(int x) { return time_of(x); }", None),
    "own_time_of": ("int time_of(int x); int time_of(int x) { return x; }", None),
    "text": ("#include <stdio.h>\n#include <string.h>\nint f(char *b, double x)"
             ' { return snprintf(b, 9, "%f", x) + (int)strlen(b); }', None),
    "check": ("#include <stdlib.h>\n#include <unistd.h>\nvoid f(void) { if (write(2, \"x\", 1)) abort(); }",
              None),
}


def archive_of(args, folder, name, planted):
    objects = []
    for stem, (text, _) in planted.items():
        source, obj = os.path.join(folder, stem + ".c"), os.path.join(folder, stem + ".c.o")
        with open(source, "w", encoding="utf-8") as out:
            out.write(text + "\n")
        subprocess.run([args.cc, "-D_GNU_SOURCE", "-O1", "-c", source, "-o", obj], check=True)
        objects.append(obj)
    archive = os.path.join(folder, name)
    subprocess.run([args.ar, "rcs", archive] + objects, check=True)
    return archive


parser = argparse.ArgumentParser()
for tool in ("cc", "ar", "nm"):
    parser.add_argument("--" + tool, default=tool)
arguments = parser.parse_args()
with tempfile.TemporaryDirectory() as root:
    clean = purity.check(arguments.nm, [archive_of(arguments, root, "libclean.a", CLEAN)])
    assert clean == [], clean
    lines = purity.check(arguments.nm, [archive_of(arguments, root, "libplanted.a", PLANTED)])
    for stem, (_, symbol) in PLANTED.items():
        assert any(f" {stem}.c.o: {symbol} (" in line for line in lines), (stem, symbol, lines)
print(f"purity: {len(PLANTED)} planted violations found")
