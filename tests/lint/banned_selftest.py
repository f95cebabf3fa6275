#!/usr/bin/env python3
"""Texts that banned.py must and must not complain about."""
import banned

BAD = [
    "void f(char *b) { sprintf(b, \"x\"); }",
    "void f(char *b) { strcpy (b, \"x\"); }",
    "char *f(char *b) { return strcat(b, b); }",
    "char *f(char *b) { return strtok(b, \",\"); }",
    "int f(char *b) { return atoi(b); }",
    "void *f(int n) { return alloca(n); }",
    "char *f(char *b) { return gets(b); }",
    "double d = prng_unit(prng_next(g)) + prng_unit(prng_next(g));",
    "add(prng_at(k, 1, 2),\n    prng_at(k, 1, 3));",
    "uint64_t a = prng_next(g), b = prng_next(g);",
    "x = flip ? prng_next(g) : prng_at(k, 0, 0);",
]
GOOD = [
    "int n = snprintf(b, sizeof(b), \"sprintf(\");",
    "/* strcpy(a, b) */ // atoi(c)\nchar c = '\\''; const char *s = \"gets(\\\"\";",
    "o->gets(b); o.strtok(b); my_atoi(b);",
    "uint64_t a = prng_next(g);\nuint64_t b = prng_next(g);",
    "if (prng_ratio(prng_next(g), 1, 2)) { x = prng_next(g); }",
    "static inline uint64_t prng_next(struct prng *g)\n{\n}\nuint64_t prng_at(uint64_t k);",
]

for text in BAD:
    assert len(banned.check_text("bad.c", text)) == 1, text
for text in GOOD:
    assert banned.check_text("good.c", text) == [], text
line = banned.check_text("bad.c", "int a;\n\nint b = atoi(\"1\");")[0]
assert line.startswith("bad.c:3: "), line
print(f"banned: {len(BAD)} planted violations found")
