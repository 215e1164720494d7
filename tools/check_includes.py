#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (ARCHITECTURE.md, "Rooms"): check_includes.py [ROOT]. Prints each breach as FILE:LINE and what is allowed.

Also: every .c includes its own header first, if it has one; every header has the guard that its path says."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)

# Rooms by height: a room sees those on lower floors; rooms of one floor do not see each other.
FLOORS = [
    ["base"],
    ["model"],
    ["avro", "transform", "net"],
    ["ingestion", "streaming", "storage", "simulator"],
    ["processing", "monitoring"],
    ["cli"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# A component is seen only through these: its seam for its peers and those above, its role for the command line.
SEAMS = {
    "ingestion": {"feed.h"},
    "streaming": {"stream.h", "registry.h", "schema_files.h"},
    "storage": {"sink.h"},
}
ROLES = {
    "ingestion": {"ingest.h", "publish.h", "source.h"},
    "streaming": set(),
    "storage": {"elsewhere.h", "quarantine.h", "reconcile.h", "rewind.h", "shadow.h", "version.h", "writable.h"},
    "simulator": {"simulator.h"},
    "processing": {"pipeline.h", "preflight.h", "process.h", "rebuild.h", "rerun.h", "watch.h"},
    "monitoring": {"monitor.h", "health.h", "board.h", "vitals.h"},
}
# Stricter than its floor: the simulator is the other end of the wire and shares nothing of how this end works.
ONLY = {"simulator": {"base", "model", "net"}}
# Seams that a room of the same floor may use.
PEERS = {"ingestion": {"streaming"}}


def why_not(room, header):
    """None when a file of `room` may include `header` ("base/err.h"), else the reason."""
    other, _, name = header.partition("/")
    if other == room:
        return None
    if other not in FLOOR:
        return f"there is no room {other}"
    if room in ONLY and other not in ONLY[room]:
        return f"{room} may include only {', '.join(sorted(ONLY[room]))}"
    if FLOOR[other] > FLOOR[room]:
        return f"{other} is above {room}"
    if FLOOR[other] == FLOOR[room] and other not in PEERS.get(room, ()):
        return f"{room} and {other} do not know each other"
    if other in SEAMS or other in ROLES:
        allowed = SEAMS.get(other, set()) | (ROLES.get(other, set()) if room == "cli" else set())
        if name not in allowed:
            return f"{other} is seen only through {', '.join(sorted(allowed)) or 'nothing'}"
    return None


def check(path):
    source = ROOT / "src"
    relative = path.relative_to(source)
    room = relative.parts[0]
    lines = path.read_text().splitlines()
    includes = []
    for number, line in enumerate(lines, 1):
        found = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if not found:
            continue
        includes.append((number, found[2]))
        if found[1] == "<" or found[2].endswith(".pb-c.h"):
            continue
        if "/" not in found[2] or found[2].startswith("."):
            yield number, f'"{found[2]}" must be named from src: "{room}/{found[2]}"'
        elif not (source / found[2]).exists():
            yield number, f"there is no src/{found[2]}"
        elif (reason := why_not(room, found[2])) is not None:
            yield number, f"{room} may not include {found[2]}: {reason}"
    if path.suffix == ".c" and includes:
        own = f"{relative.parent}/{path.stem}.h"
        number, first = includes[0]
        if (source / own).exists() and first != own:
            yield number, f'"{own}" must be the first include: it shows that the header stands alone'
    if path.suffix == ".h":
        guard = "FDP_" + re.sub(r"[^A-Z0-9]", "_", str(relative).upper())
        if not any(a == f"#ifndef {guard}" and b == f"#define {guard}" for a, b in zip(lines, lines[1:])) or lines[-1] != "#endif":
            yield 1, f"the header guard must be {guard}, from the first code line to the last"


bad = 0
for file in sorted((ROOT / "src").rglob("*.[ch]")):
    for number, text in check(file):
        print(f"{file.relative_to(ROOT)}:{number}: {text}")
        bad += 1
sys.exit(1 if bad else 0)
