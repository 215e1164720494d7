#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes files as C arrays: embed.py ROOT OUTPUT DEPFILE PATH... (files or folders, relative to ROOT)."""
import pathlib
import sys

root, output, depfile, *paths = sys.argv[1:]
root = pathlib.Path(root)
files, folders = set(), set()
for path in map(root.joinpath, paths):
    inside = [path] if path.is_file() else path.rglob("*")
    files |= {p for p in inside if p.is_file() and not p.name.startswith(".") and p.name != "README.md"}
    folders |= {p for p in path.rglob("*") if p.is_dir()} | ({path} if path.is_dir() else set())

with open(output, "w") as out:
    out.write('// Made by tools/embed.py.\n#include "base/asset.h"\n\n')
    rows = []
    for i, path in enumerate(sorted(files)):
        data = path.read_bytes()
        out.write(f"static const unsigned char a{i}[] = {{{','.join(map(str, data + bytes(1)))}}};\n")
        rows.append(f'    {{"{path.relative_to(root)}", {{(const char *)a{i}, {len(data)}}}}},\n')
    out.write(f"\nconst struct asset assets[] = {{\n{''.join(rows)}}};\nconst size_t asset_count = {len(rows)};\n")

# A new file in one of the folders changes the folder, so that it is rebuilt then too.
with open(depfile, "w") as out:
    out.write(f"{output}: {' '.join(str(p) for p in sorted(files | folders))}\n")
