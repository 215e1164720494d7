#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes fdp's image: the program, the libraries it needs, certificate authorities, time zones; no shell, nothing else.

  build.py --binary FILE --output DIR    the image as an archive, DIR/fdp-VERSION.tar, for docker load, podman load,
                                         kind load image-archive, minikube image load, ctr images import
  build.py --binary FILE --stage DIR     only its root file system, into a folder that is not there yet (deploy/image/Dockerfile)

The image is called as deploy/versions.yaml says; its tag is the version of the program. The last line printed is the archive's path."""
import argparse
import pathlib
import re
import sys
import tempfile

import oci

USER = 65532
LIMIT = 20_000_000  # bytes of the compressed layer
CONFIG = {
    "User": f"{USER}:{USER}",
    "Entrypoint": ["/usr/bin/fdp"],
    "WorkingDir": "/tmp",
    "Env": ["PATH=/usr/bin", "HOME=/tmp"],
}


def stage(folder, binary):
    root = oci.Stage(folder)
    root.program(binary, "/usr/bin/fdp", strip=True)
    root.user("fdp", USER, home="/tmp")
    root.folder("/etc/fdp")
    # Where OpenSSL and libcurl of Debian look for certificate authorities, and what they allow.
    root.copy("/etc/ssl/certs/ca-certificates.crt")
    root.link("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")
    root.link("/usr/lib/ssl/certs", "/etc/ssl/certs")
    root.copy("/etc/ssl/openssl.cnf")
    root.link("/usr/lib/ssl/openssl.cnf", "/etc/ssl/openssl.cnf")
    # The zones, once: Debian has them also under other rules of leap seconds.
    root.copy("/usr/share/zoneinfo", ignore=("posix", "right", "localtime", "posixrules"))


def image(binary, folder):
    name = oci.names()["fdp"]
    version = re.search(r"^ *version: '([^']+)'", (oci.ROOT / "meson.build").read_text(), re.M)[1]
    if name.rpartition(":")[2] != version:
        sys.exit(f"build.py: deploy/versions.yaml names {name}, and meson.build version {version}: they are to be the same")
    labels = {f"org.opencontainers.image.{key}": value for key, value in (("title", "fdp"), ("version", version), ("licenses", "Apache-2.0"))}
    archive = folder / f"fdp-{version}.tar"
    with tempfile.TemporaryDirectory(prefix="fdp-image-") as root:
        stage(root, binary)
        size = oci.write_archive(root, archive, name, CONFIG | {"Labels": labels})
    print(f"{name}: {size / 1e6:.1f} MB\n{archive}")
    if size >= LIMIT:
        sys.exit(f"build.py: the image is to be smaller than {LIMIT / 1e6:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description="Makes fdp's image.")
    parser.add_argument("--binary", required=True, type=pathlib.Path, help="the program that was built")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--output", type=pathlib.Path, help="the folder to write the archive into")
    what.add_argument("--stage", type=pathlib.Path, help="the folder to stage the root file system in")
    options = parser.parse_args()
    if options.stage:
        stage(options.stage, options.binary)
    else:
        image(options.binary, options.output)


if __name__ == "__main__":
    main()
