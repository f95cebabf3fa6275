#!/usr/bin/env python3
"""No pure archive references a clock, entropy, a socket, a file or libm (DESIGN §2, §3).

usage: purity.py [--nm NM] ARCHIVE…

The linker's own view: undefined symbols of every object, without those that the same archives define.
Results that must be bit-identical on every machine cannot come from code that could look at the machine.
Prints archive: object: symbol (kind); exit 1 if there is any, 77 if an archive is not built yet.
"""
import argparse
import os
import re
import subprocess
import sys

BANNED = {
    "a clock": r"""clock|clock_\w+|time|times|ftime|gettimeofday|settimeofday|timespec_get|nanosleep|usleep|
        sleep|alarm|setitimer|timer_\w+|timerfd_\w+|localtime(_r)?|gmtime(_r)?|mktime|strftime""",
    "entropy": r"""s?rand|rand_r|s?random(_r)?|s?rand48|[delmnj]rand48(_r)?|getrandom|getentropy|
        arc4random\w*|RAND_\w+|uuid_\w+""",
    "a file": r"""open(at)?(64)?|creat(64)?|close|read|write|p?readv?(64)?|p?writev?(64)?|lseek(64)?|
        (f|fre|fd|p|mem)open(64)?|[fp]close|fread|fwrite|fgets|fgetc|getc|getchar|getline|getdelim|
        fputs|fputc|putc|puts|putchar|v?f?printf|v?f?scanf|fflush|fseeko?|ftello?|fileno|perror|
        std(in|out|err)|[fl]?stat(64|at|x)?|fstatat(64)?|access|mkdir(at)?|rename(at)?|unlink(at)?|remove|
        opendir|readdir(64)?|scandir|mmap(64)?|munmap|ioctl|fcntl(64)?|dup[23]?|pipe2?|p?poll|p?select|
        epoll_\w+|tmpfile|mkstemp|f?truncate(64)?|fsync|v?dprintf""",
    "a socket": r"""socket(pair)?|connect|accept4?|bind|listen|send(to|msg|mmsg)?|recv(from|msg|mmsg)?|
        getaddrinfo|gethostbyname|shutdown|[gs]etsockopt|io_uring_\w+""",
    "the process or its surroundings": r"""v?fork|clone|exec[lv]p?e?|posix_spawnp?|system|kill|raise|
        wait(pid|id)?|signal|sigaction|sigprocmask|(secure_)?getenv|setenv|setlocale|_?exit|_Exit|abort|
        __assert_fail|syscall|getpid|gettid|pthread_\w+|thrd_\w+|sem_\w+|sched_\w+""",
    "libm": r"""(log|log2|log10|log1p|logb|ilogb|exp|exp2|exp10|expm1|pow|sqrt|cbrt|hypot|a?sinh?|a?cosh?|
        a?tanh?|atan2|sincos|l?l?round|l?l?rint|nearbyint|trunc|floor|ceil|fmod|remainder|remquo|fma|fmin|
        fmax|fdim|[lt]gamma(_r)?|gamma|erfc?|ldexp|frexp|scalbl?n|modf|nextafter|nexttoward|[jy][01n])[fl]?""",
}
BANNED = {kind: re.compile("(" + re.sub(r"\s+", "", words) + r")$") for kind, words in BANNED.items()}

# A failed assertion says so on fd 2 and aborts: the one act of pure code.
ALLOWED = {("check.c.o", "write"), ("check.c.o", "abort")}


def plain(symbol):
    """write of write@GLIBC_2.2.5, of __write_chk (fortified) and of __isoc99_… forms."""
    name = symbol.split("@")[0]
    name = re.sub(r"^__(\w+)_chk$", r"\1", name)
    return re.sub(r"^__isoc\d+_", "", name)


def run_nm(nm, option, archive):
    """(object, symbol) pairs of an archive: a heading "object:" and a line for each symbol."""
    text = subprocess.run([nm, option, archive], check=True, capture_output=True, text=True).stdout
    obj = ""
    for line in text.splitlines():
        if line.endswith(":"):
            obj = line[:-1]
        elif line.strip():
            yield obj, line.split()[-1]


def check(nm, archives):
    defined = {symbol for a in archives for _, symbol in run_nm(nm, "--defined-only", a)}
    found = []
    for archive in archives:
        for obj, symbol in sorted(set(run_nm(nm, "--undefined-only", archive))):
            name = plain(symbol)
            if symbol in defined or (obj, name) in ALLOWED:
                continue
            for kind, pattern in BANNED.items():
                if pattern.match(name):
                    found.append(f"{os.path.basename(archive)}: {obj}: {name} ({kind})")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nm", default="nm")
    parser.add_argument("archives", nargs="+")
    args = parser.parse_args()
    built = [a for a in args.archives if os.path.exists(a)]
    found = check(args.nm, built)
    print("\n".join(found) if found else f"purity: nothing found in {len(built)} archives")
    if found:
        sys.exit(1)
    if len(built) < len(args.archives):
        print("skipped: not all archives are built")
        sys.exit(77)


if __name__ == "__main__":
    main()
