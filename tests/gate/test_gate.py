# SPDX-License-Identifier: Apache-2.0
"""Tests of the gate itself: in a copy of the tree each planted fault must turn the check red that is there for it."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from run import VARIANTS  # noqa: E402 (the path comes first)

OWN_TO_A_FOLDER = {"meson-private", "meson-info", "meson-logs", "build.ninja", "compile_commands.json"}


class Tree:
    """A copy of the tree that can be changed; `plant` undoes itself."""

    def __init__(self, folder):
        self.folder = folder
        skip = shutil.ignore_patterns("build*", ".git", "__pycache__", ".pytest_cache", "fdp-data")
        shutil.copytree(ROOT, folder, ignore=skip, symlinks=True)

    def seed(self, variant):
        """A build folder in which only what is planted must be compiled: what was built before is copied."""
        name, options = VARIANTS[variant]
        old, new = ROOT / name, self.folder / name
        if new.exists():
            return
        subprocess.run(["meson", "setup", new, *options], cwd=self.folder, check=True, capture_output=True)
        if not old.exists():
            return
        for entry in old.iterdir():
            if entry.name in OWN_TO_A_FOLDER:
                continue
            if entry.is_dir():
                shutil.copytree(entry, new / entry.name, dirs_exist_ok=True, symlinks=True)
            else:
                shutil.copy2(entry, new / entry.name, follow_symlinks=False)

    def run(self, *command):
        done = subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", env={k: v for k, v in os.environ.items() if not k.startswith(("FDP_BUILD", "PYTEST"))})
        return done.returncode, done.stdout

    def counted(self, *arguments):
        """(exit code, passed, failed, output) of the test runner."""
        code, out = self.run("tests/run.py", *arguments)
        last = re.fullmatch(r"(\d+) passed, (\d+) failed", out.strip().splitlines()[-1])
        assert last, out
        return code, int(last[1]), int(last[2]), out


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return Tree(tmp_path_factory.mktemp("gate") / "tree")


@pytest.fixture
def plant(tree):
    """plant(FILE, OLD, NEW) changes one place of a file until the test ends."""
    before = {}

    def change(name, old, new):
        path = tree.folder / name
        text = path.read_text()
        before.setdefault(path, text)
        assert text.count(old) >= 1, f"{old!r} is not in {name}: the gate's test is out of date"
        path.write_text(text.replace(old, new, 1))

    yield change
    for path, text in before.items():
        path.write_text(text)


def test_the_copy_is_green(tree):
    tree.seed("release")
    code, passed, failed, out = tree.counted("--fast", "--suite", "base")
    assert (code, failed) == (0, 0), out
    assert passed > 50
    assert tree.run("tools/check_includes.py") == (0, "")
    assert tree.run("tools/generate.sh", "--check") == (0, "")


def test_a_failing_unit_test_is_counted_and_shown(tree, plant):
    tree.seed("release")
    plant("tests/unit/base/test_err.c", 'assert_string_equal(status_name(OK), "ok");', 'assert_string_equal(status_name(OK), "planted");')
    code, passed, failed, out = tree.counted("--fast", "--suite", "base")
    assert (code, failed) == (1, 1), out
    assert passed > 50
    assert '"ok" != "planted"' in out


def test_a_crashing_unit_test_is_counted(tree, plant):
    tree.seed("release")
    plant("tests/unit/base/test_err.c", "int main(void)\n{", "int main(void)\n{\n    abort();")
    code, _, failed, out = tree.counted("--fast", "--suite", "base")
    assert (code, failed) == (1, 1), out


def test_a_test_that_does_not_compile_is_counted(tree, plant):
    tree.seed("release")
    plant("tests/unit/base/test_err.c", "int main(void)", "int main(void) planted")
    code, _, failed, out = tree.counted("--fast", "--suite", "base")
    assert (code, failed) == (1, 1), out
    assert "planted" in out


def test_no_test_at_all_is_red(tree):
    tree.seed("release")
    code, passed, _, out = tree.counted("--fast", "--suite", "nowhere")
    assert (code, passed) == (1, 0), out


def test_a_leak_is_red_under_the_address_sanitizer(tree, plant):
    tree.seed("asan")
    plant("tests/unit/base/test_err.c", "int main(void)\n{", "static void *volatile planted;\n\nint main(void)\n{\n    planted = malloc(7);\n    planted = NULL;")
    code, _, failed, out = tree.counted("--variant", "asan", "--suite", "base")
    assert (code, failed) == (1, 1), out
    assert "7 byte(s) leaked" in out


def test_a_failing_python_test_is_counted(tree):
    (tree.folder / "build").mkdir(exist_ok=True)
    (tree.folder / "tests" / "test_planted.py").write_text("def test_good():\n    pass\n\n\ndef test_bad():\n    assert False\n")
    code, passed, failed, out = tree.counted("--pytest", "tests/test_planted.py")
    (tree.folder / "tests" / "test_planted.py").unlink()
    assert (code, passed, failed) == (1, 1, 1), out


def test_a_wrong_include_is_red(tree, plant):
    plant("src/base/err.c", '#include "base/err.h"\n', '#include "base/err.h"\n\n#include "storage/sink.h"\n')
    code, out = tree.run("tools/check_includes.py")
    assert code == 1
    assert "src/base/err.c:5: base may not include storage/sink.h: storage is above base" in out


def test_a_component_seen_past_its_interface_is_red(tree, plant):
    plant("src/processing/process.c", '#include "processing/process.h"\n', '#include "processing/process.h"\n\n#include "streaming/embedded.h"\n')
    code, out = tree.run("tools/check_includes.py")
    assert code == 1
    assert "streaming is seen only through" in out


def test_a_stale_generated_file_is_red(tree, plant):
    tree.seed("release")
    plant("config/fdp.yaml", "  rate: 50\n", "  rate: 51\n")
    code, out = tree.run("tools/generate.sh", "--check")
    assert code == 1
    assert "config/fdp.yaml is stale" in out


def test_a_changed_option_without_its_documents_is_red(tree, plant):
    tree.seed("release")
    plant("src/model/config.c", "The same seed gives the same prices.", "Planted.")
    code, out = tree.run("tools/generate.sh", "--check")
    assert code == 1
    for name in ("config/fdp.yaml", "config/fdp.schema.json", "docs/man/fdp.yaml.5"):
        assert f"{name} is stale" in out


@pytest.mark.parametrize("old, new, said", [
    ("// SPDX-License-Identifier: Apache-2.0\n", "", "no line SPDX-License-Identifier"),
    ('#include "base/err.h"\n', '#include "base/err.h"\n\nstatic int planted(const char *text) { return atoi(text); }\n', "calls atoi"),
    ('#include "base/err.h"\n', '#include "base/err.h"\n\n// TO' + "DO planted\n", "something is left to do"),
    ('#include "base/err.h"\n', '#include "base/err.h"\n' + "\n" * 600, "a file has at most"),
])
def test_a_broken_rule_is_red(tree, plant, old, new, said):
    plant("src/base/err.c", old, new)
    code, out = tree.run("tools/check_source.py")
    assert code == 1
    assert re.search(rf"src/base/err\.c:\d+: .*{re.escape(said)}", out), out
