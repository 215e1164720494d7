# SPDX-License-Identifier: Apache-2.0
"""Our Avro against Avro Java: texts of schemas, which schemas are ones, decoding with resolution, and what we encode read by Java.

Schemas, readers that evolved from them, and data are made up; FDP_AVRO_SEED and FDP_AVRO_SCHEMAS ask for others and for more."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCE = pathlib.Path(__file__).resolve().parent / "avro_oracle"
HELPER = pathlib.Path(os.environ.get("FDP_BUILD", ROOT / "build")) / "tests/unit/avro/avro_oracle"
SEED = os.environ.get("FDP_AVRO_SEED", "20260813")
SCHEMAS = os.environ.get("FDP_AVRO_SCHEMAS", "2500")


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """The class path of the oracle, compiled."""
    if not shutil.which("javac"):
        pytest.fail("javac is missing; tools/install.sh test installs it")
    fetched = subprocess.run([ROOT / "tools/jars.sh", "avro-java", SOURCE / "pom.xml"], stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    libraries = fetched.stdout.strip() + "/*"
    folder = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-d", folder, "-cp", libraries, *SOURCE.glob("*.java")], check=True, timeout=300)
    return f"{folder}:{libraries}"


@pytest.mark.timeout(1200)
def test_we_and_avro_java_agree(classes):
    ran = subprocess.run(["java", "-cp", classes, "Oracle", HELPER, SEED, SCHEMAS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, timeout=900)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout
    sums = {what: int(count) for count, what in re.findall(r"^(\d+) (.*)$", ran.stdout, re.M)}
    # Agreement about nothing would be no agreement: each kind of comparison was made, many times.
    wanted = int(SCHEMAS)
    assert sums["pairs of schemas"] > 0.9 * wanted
    assert sums["data decoded"] > 3 * wanted
    assert sums["data encoded"] == sums["data decoded"]
    assert sums["schemas printed"] > 2 * wanted
    assert sums["schemas refused by both"] > wanted
    assert sums["data refused by both"] > 0
    assert sums["data with NaN, infinity, NUL or malformed text"] > 0
