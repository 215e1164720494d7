#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules that no other tool checks: check_source.py [ROOT]. Prints each breach as FILE:LINE.

- every source file names its licence (SPDX) in its first lines; scripts are executable; text ends with a newline, without blanks before
- functions that are unsafe or surprising are not called; a line that must ends with `// allowed: WHY`
- lines, functions and files have limits
- nothing is left to do; no paths of a machine and no host of a package registry are named
- links in documents lead to files that exist"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)

COLUMNS, FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES = 140, 600, 1000, 80
SKIPPED_FOLDERS = {".git", "__pycache__", ".pytest_cache", "corpus", "case", "fdp-data", "node_modules"}
CODE = {".c", ".h"}
LICENSED = CODE | {".py", ".sh", ".build", ".proto", ".sql", ".html", ".js", ".css", ".yaml", ".yml", ".in", ".5", ".1", ".java", ".xml"}
LICENSED_NAMES = {"Makefile", "meson_options.txt", "requirements.txt", "run", ".editorconfig", ".clang-format"}

BANNED = {
    "strcpy": "snprintf or memcpy with a size", "strcat": "struct buf", "strncpy": "snprintf", "strncat": "struct buf",
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "fgets", "strtok": "strcspn", "strtok_r": "strcspn",
    "atoi": "text_to_int64", "atol": "text_to_int64", "atoll": "text_to_int64", "atof": "text_to_double",
    "sscanf": "text_to_int64, clock_parse", "scanf": "text_to_int64",
    "system": "posix_spawn", "popen": "posix_spawn", "alloca": "struct arena", "rand": "a generator with a seed of its own",
    "srand": "a generator with a seed of its own", "random": "a generator with a seed of its own", "tmpnam": "mkstemp", "mktemp": "mkstemp",
    "localtime": "clock_format", "gmtime": "clock_format", "ctime": "clock_format", "asctime": "clock_format",
    "setlocale": "nothing: numbers are written the same everywhere",
}
# Put together here, so that this file does not name them.
HOSTS = ["deb.debian" + ".org", "pypi" + ".org", "files.pythonhosted" + ".org", "npmjs" + ".org", "crates" + ".io", "golang" + ".org",
         "repo1.maven" + ".org", "repo.maven" + ".apache.org", "maven" + ".org", "snapshot.debian" + ".org"]
GO_MODULES = {"go.mod", "go.sum"}  # modules are called by hosts
MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(?:work|root|home/\w+)/")
OPEN_ENDS = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")


def files():
    for folder, folders, names in os.walk(ROOT):
        inside = pathlib.Path(folder).relative_to(ROOT)
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not (inside == pathlib.Path(".") and f.startswith("build")))
        for name in sorted(names):
            if not name.endswith((".pyc", ".png")) and name != ".git":  # a file in a worktree
                yield pathlib.Path(folder) / name


def without_comments_and_texts(text):
    """The same lines with what is not code blanked out."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found[0])
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_text(path, text):
    lines = text.split("\n")
    if path.suffix in LICENSED or path.name in LICENSED_NAMES:
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
            yield 1, "no line SPDX-License-Identifier: Apache-2.0 at the beginning"
    if text.startswith("#!") and not os.access(path, os.X_OK):
        yield 1, "a script that is not executable"
    if text and not text.endswith("\n"):
        yield len(lines), "the last line has no end"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if "\t" in line and path.suffix in LICENSED:
            yield number, "a tab"
        if OPEN_ENDS.search(line):
            yield number, "something is left to do; do it, or open an issue"
        if MACHINE_PATHS.search(line):
            yield number, "a path of one machine"
        for host in HOSTS:
            if host in line and path.name not in GO_MODULES:
                yield number, f"names the package registry {host}"


def check_code(path, text):
    lines = text.split("\n")
    is_test = path.relative_to(ROOT).parts[0] == "tests"
    most = TEST_FILE_LINES if is_test else FILE_LINES
    if len(lines) - 1 > most:
        yield most, f"{len(lines) - 1} lines; a file has at most {most}"
    for number, line in enumerate(lines, 1):
        # A text is not broken for the sake of a line.
        if len(line) > COLUMNS and '"' not in line:
            yield number, f"{len(line)} columns; a line has at most {COLUMNS}"
    if is_test:
        return
    for number, line in enumerate(without_comments_and_texts(text).split("\n"), 1):
        for name in re.findall(r"(?<![\w.>])([a-z_]+)\s*\(", line):
            if name in BANNED and not re.search(r"// allowed: \S", lines[number - 1]):
                yield number, f"calls {name}; use {BANNED[name]}"


def check_functions(paths):
    if not shutil.which("pmccabe"):
        return
    out = subprocess.run(["pmccabe", *paths], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        _, _, _, first, count, rest = line.split(None, 5)
        if int(count) > FUNCTION_LINES:
            yield rest.split("(")[0], first, f"{rest.split()[-1]} has {count} lines; a function has at most {FUNCTION_LINES}"


def check_links(path, text):
    text = re.sub(r"```.*?```", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)
    for number, line in enumerate(text.split("\n"), 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            if not (path.parent / target.split("#")[0]).exists():
                yield number, f"the link {target} leads nowhere"


def main():
    breaches = []
    c_files = []
    for path in files():
        name = path.relative_to(ROOT)
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found = list(check_text(path, text)) if name.name != "LICENSE" else []
        if path.suffix in CODE:
            found += check_code(path, text)
            if path.suffix == ".c" and name.parts[0] != "tests":
                c_files.append(str(path))
        if path.suffix == ".md":
            found += check_links(path, text)
        breaches += [f"{name}:{number}: {what}" for number, what in found]
    breaches += [f"{os.path.relpath(path, ROOT)}:{first}: {what}" for path, first, what in check_functions(c_files)]
    print("\n".join(breaches), end="\n" if breaches else "")
    return 1 if breaches else 0


sys.exit(main())
