#!/usr/bin/env python3
"""Plants one violation of every rule of layers.py and demands that it, and nothing else, is found."""
import os
import tempfile

import layers

CLEAN = {
    "harness/base/error.h": "",
    "harness/base/check.c": "#include <unistd.h>\n#include <stdio.h>\n",
    "harness/base/json_doc.h": "",
    "harness/base/json.c": '#include "harness/base/json_doc.h"\n',
    "harness/net/ring.h": '#include <liburing.h>\n#include "harness/base/error.h"\n',
    "harness/net/ring_private.h": "",
    "harness/load/load.h": '#include "harness/net/ring.h"\n',
    "harness/run/plan.h": '#include "emulator/rack.h"\n#include "workloads/arrival.h"\n#include "version.h"\n',
    "harness/cli/main.c": '#include "harness/run/plan.h"\n',
    "workloads/arrival.h": '#include "harness/base/error.h"\n',
    "faults/sink.h": "",
    "faults/trigger.h": '#include "faults/sink.h"\n',
    "faults/relay.c": '#include "harness/net/ring.h"\n#include <sys/socket.h>\n',
    "emulator/rack.h": '#include "faults/sink.h"\n',
    "emulator/serve.c": '#include "harness/net/ring.h"\n#include "emulator/rack.h"\n',
    "reports/score.h": '#include "harness/base/error.h"\n',
    "reports/store.c": '#include "reports/score.h"\n#include <sqlite3.h>\n',
    "tests/unit/a.c": '#include "harness/cli/main.c"\n#include <time.h>\n',
}

PLANTED = {
    "harness/base/x.c": '#include "harness/net/ring.h"\n',
    "harness/base/y.c": "#include <unistd.h>\n",
    "harness/base/z.c": '#include "error.h"\n',
    "harness/net/x.c": '#include "harness/run/plan.h"\n',
    "harness/net/y.c": '#include "emulator/rack.h"\n',
    "harness/load/x.c": '#include "harness/net/ring_private.h"\n',
    "harness/load/y.c": '#include "workloads/arrival.h"\n',
    "harness/run/x.c": '#include "harness/cli/main.c"\n',
    "workloads/x.c": '#include "faults/sink.h"\n',
    "workloads/y.c": "#include <time.h>\n",
    "workloads/z.c": "#include <math.h>\n",
    "faults/x.c": '# include  "reports/score.h"\n',
    "faults/y.c": '#include "harness/net/ring.h"\n',
    "emulator/x.c": '#include "faults/trigger.h"\n',
    "emulator/y.c": '#include "harness/net/ring.h"\n',
    "emulator/serve_x.c": '#include "reports/score.h"\n',
    "reports/x.c": '#include "emulator/rack.h"\n',
    "reports/y.c": "#include <sys/socket.h>\n",
    "reports/z.c": '#include "harness/base/json_doc.h"\n',
    "reports/verify.c": '#include "workloads/arrival.h"\n',
}


def plant(tree, files):
    for path, text in files.items():
        full = os.path.join(tree, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as out:
            out.write(text)


with tempfile.TemporaryDirectory() as root:
    plant(root, CLEAN)
    assert layers.check(root) == [], layers.check(root)
    plant(root, PLANTED)
    places = {line.split(":")[0] for line in layers.check(root)}
    assert places == set(PLANTED), places ^ set(PLANTED)
print(f"layers: {len(PLANTED)} planted violations found")
