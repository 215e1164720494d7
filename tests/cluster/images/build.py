#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the images of the tests from what is installed on this machine: build.py [NAME...]. Prints the archives, one a line.

Names and tags are those of deploy/versions.yaml, and paths, users and environment are those of the official images, which cannot be pulled
here: Kafka, PostgreSQL and Prometheus are real, though from Debian and Maven Central; AKHQ and Grafana are stand-ins that check their
configuration. pause, coredns and tools are what a cluster itself needs. An image is made again when something that went into it changes."""
import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
HERE = ROOT / "tests/cluster/images"
CACHE = pathlib.Path(os.environ.get("FDP_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fdp")
PARTS = CACHE / "kubernetes"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "deploy/image"))
import oci  # noqa: E402

JDK = pathlib.Path("/usr/lib/jvm") / f"java-17-openjdk-{oci.ARCHITECTURES[os.uname().machine]}"
JAVA_MODULES = ["java.se", "jdk.crypto.ec", "jdk.management", "jdk.naming.dns", "jdk.net", "jdk.security.auth", "jdk.security.jgss",
                "jdk.unsupported", "jdk.zipfs"]
KAFKA_TOOLS = ["topics", "console-consumer", "console-producer", "consumer-groups", "configs", "get-offsets", "metadata-quorum",
               "broker-api-versions", "storage"]
POSTGRES = pathlib.Path("/usr/lib/postgresql/15")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def shell(root):
    """The small tools of busybox, as in the official images that build on Alpine."""
    busybox = PARTS / "debian/bin/busybox"
    root.copy(busybox, "/usr/bin/busybox")
    for name in output(busybox, "--list").split():
        if name != "busybox":
            root.link(f"/usr/bin/{name}", "busybox")


def bash(root):
    shell(root)
    root.program("/usr/bin/bash")


def pause(root):
    subprocess.run(["gcc", "-Os", "-static", "-s", "-o", root.at("/pause"), HERE.parent / "pause.c"], check=True)
    return {"Entrypoint": ["/pause"], "User": "65535:65535"}


def coredns(root):
    root.copy(PARTS / "bin/coredns", "/coredns")
    return {"Entrypoint": ["/coredns"], "User": "0:0"}


def tools(root):
    """A shell, curl and small tools: for helpers, and for tests that call a service from inside the cluster."""
    bash(root)
    root.program("/usr/bin/curl")
    root.user("nobody", 65534)
    return {"Cmd": ["sh"], "User": "0:0", "Env": [f"PATH={PATH}"]}


def kafka(root):
    bash(root)
    root.user("appuser", 1000, "/home/appuser")
    java = root.at("/opt/java/openjdk")
    subprocess.run([JDK / "bin/jlink", "--module-path", JDK / "jmods", "--add-modules", ",".join(JAVA_MODULES), "--output", java,
                    "--strip-debug", "--no-man-pages", "--no-header-files"], check=True)
    # The archive of Java's own classes, without which it starts slowly.
    subprocess.run([java / "bin/java", "-Xshare:dump"], stdout=subprocess.DEVNULL, check=True)
    for library in [java / "bin/java", *java.glob("lib/**/*.so")]:
        root.libraries(library, java / "lib/server")
    for folder in (jars("kafka", ROOT / "tools/kafka/pom.xml"), jars("kafka-image", HERE / "kafka/pom.xml")):
        for jar in folder.glob("*.jar"):
            if not jar.name.startswith("slf4j-simple"):  # it would log in place of Log4j
                root.copy(jar, f"/opt/kafka/libs/{jar.name}")
    root.copy(HERE / "kafka/kafka-run-tool.sh", "/opt/kafka/bin/kafka-run-tool.sh")
    for tool in KAFKA_TOOLS:
        root.link(f"/opt/kafka/bin/kafka-{tool}.sh", "kafka-run-tool.sh")
    root.folder("/var/lib/kafka/data", 0o1777)
    return {"User": "1000", "Volumes": {"/etc/kafka/secrets": {}, "/var/lib/kafka/data": {}, "/mnt/shared/config": {}}, "Env": ["JAVA_HOME=/opt/java/openjdk", f"PATH=/opt/java/openjdk/bin:{PATH}", "LANG=C.UTF-8"]}


def jars(name, pom):
    return pathlib.Path(output(ROOT / "tools/jars.sh", name, pom).strip())


def postgresql(root):
    bash(root)
    root.user("postgres", 999, "/var/lib/postgresql")
    for name in ("postgres", "initdb", "pg_ctl", "psql", "pg_isready", "pg_dump"):
        root.program(POSTGRES / "bin" / name)
    for library in sorted(POSTGRES.glob("lib/*.so")):
        if library.name != "llvmjit.so":  # PostgreSQL does without, and LLVM is large
            root.program(library)
    root.copy("/usr/share/postgresql/15", ignore=("man",))
    sample = root.at("/usr/share/postgresql/15/postgresql.conf.sample")
    sample.write_text(sample.read_text().replace("#listen_addresses = 'localhost'", "listen_addresses = '*'"))
    root.copy("/usr/share/zoneinfo", ignore=("posix", "right", "localtime", "posixrules"))
    root.copy("/usr/lib/locale/C.utf8")
    root.copy(HERE / "postgresql/docker-entrypoint.sh", "/usr/local/bin/docker-entrypoint.sh")
    root.folder("/docker-entrypoint-initdb.d")
    for folder in ("/var/lib/postgresql/data", "/var/run/postgresql"):
        root.folder(folder, 0o1777)
    return {"User": "999:999", "Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["postgres"], "StopSignal": "SIGINT",
            "Volumes": {"/var/lib/postgresql/data": {}},
            "Env": [f"PATH={PATH}:{POSTGRES}/bin", "LANG=C.UTF-8", "PGDATA=/var/lib/postgresql/data", "PG_MAJOR=15"]}


def prometheus(root):
    shell(root)
    root.user("nobody", 65534)
    programs = prometheus_programs()
    for name in ("prometheus", "promtool"):
        root.program(programs / name, f"/usr/bin/{name}")
    root.write("/etc/prometheus/prometheus.yml", "global: {}\n")
    root.folder("/prometheus", 0o1777)
    return {"User": "65534", "WorkingDir": "/prometheus", "Volumes": {"/prometheus": {}}, "Env": [f"PATH={PATH}"], "Entrypoint": ["/bin/prometheus"],
            "Cmd": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]}


def prometheus_programs():
    return pathlib.Path(output(ROOT / "tools/prometheus.sh").strip())


def akhq(root):
    shell(root)
    root.user("akhq", 1000)
    root.copy(HERE / "akhq/docker-entrypoint.sh", "/usr/local/bin/docker-entrypoint.sh")
    root.write("/srv/health/health", '{"status":"UP"}\n')
    root.write("/srv/pages/index.html", "<!doctype html><title>AKHQ</title><p>In place of AKHQ.\n")
    root.copy(HERE / "akhq/connections.sh", "/srv/pages/cgi-bin/connections")
    return {"User": "1000", "WorkingDir": "/app", "Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["./akhq"],
            "Env": [f"PATH={PATH}", "MICRONAUT_CONFIG_FILES=/app/application.yml"]}


def grafana(root):
    shell(root)
    root.user("grafana", 472)
    root.copy(HERE / "grafana/run.sh", "/run.sh")
    root.write("/srv/api/health", '{"database":"ok","version":"stand-in"}\n')
    root.write("/srv/index.html", "<!doctype html><title>Grafana</title><p>In place of Grafana.\n")
    root.copy(HERE / "grafana/datasources.sh", "/srv/cgi-bin/datasources")
    root.folder("/var/lib/grafana", 0o1777)
    return {"User": "472", "Entrypoint": ["/run.sh"], "Env": [
        f"PATH={PATH}", "GF_PATHS_CONFIG=/etc/grafana/grafana.ini", "GF_PATHS_DATA=/var/lib/grafana", "GF_PATHS_HOME=/usr/share/grafana",
        "GF_PATHS_LOGS=/var/log/grafana", "GF_PATHS_PLUGINS=/var/lib/grafana/plugins", "GF_PATHS_PROVISIONING=/etc/grafana/provisioning"]}


# Each image: how it is staged, the Debian packages that its files are of, and other files that it depends on.
IMAGES = {
    "pause": (pause, ["gcc", "libc6-dev"], [HERE.parent / "pause.c"]),
    "coredns": (coredns, [], [PARTS / "stamp/coredns"]),
    "tools": (tools, ["bash", "curl", "libcurl4"], [PARTS / "stamp/debian"]),
    "kafka": (kafka, ["bash", "openjdk-17-jdk-headless"], [ROOT / "tools/kafka/pom.xml", *HERE.glob("kafka/*"), PARTS / "stamp/debian"]),
    "postgresql": (postgresql, ["bash", "postgresql-15", "tzdata"], [*HERE.glob("postgresql/*"), PARTS / "stamp/debian"]),
    "prometheus": (prometheus, [], [ROOT / "tools/prometheus.sh", PARTS / "stamp/debian"]),
    "akhq": (akhq, [], [*HERE.glob("akhq/*"), PARTS / "stamp/debian"]),
    "grafana": (grafana, [], [*HERE.glob("grafana/*"), PARTS / "stamp/debian"]),
}


def called(image):
    return oci.names().get(image, f"fdp-{image}:1")


def stamp(image):
    """A digest of all that decides what an image is."""
    _, packages, files = IMAGES[image]
    digest = hashlib.sha256(called(image).encode())
    if packages:
        digest.update(output("dpkg-query", "--show", "libc6", *packages).encode())
    for file in [HERE / "build.py", ROOT / "deploy/image/oci.py", *sorted(files)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def build(image):
    """The archive of an image, which is made unless it is there."""
    archive, made = PARTS / f"images/{image}.tar", PARTS / f"stamp/image-{image}"
    wanted = stamp(image)
    if archive.exists() and made.exists() and made.read_text() == wanted:
        return archive
    print(f"Making the image {called(image)}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="fdp-image-") as folder:
        root = oci.Stage(folder)
        config = IMAGES[image][0](root)
        oci.write_archive(folder, archive, called(image), config, compress=False)
    made.write_text(wanted)
    return archive


def main():
    parser = argparse.ArgumentParser(description="Makes the images of the tests.")
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(IMAGES), help=f"one of {', '.join(IMAGES)}; default: all")
    options = parser.parse_args()
    for name in options.names:
        if name not in IMAGES:
            parser.error(f"'{name}' is not one of {', '.join(IMAGES)}")
        print(build(name), flush=True)


if __name__ == "__main__":
    main()
