# SPDX-License-Identifier: Apache-2.0
"""Images made without a daemon: a root file system is staged in a folder from files of this machine, then written as an archive.

The archive is an OCI image layout and, for older tools, what `docker save` writes: docker, podman, containerd, kind, minikube and k3s load
it. The same files give the same archive: names are sorted, times are zero, everything belongs to root."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def names():
    """The images of deploy/versions.yaml: {"kafka": "apache/kafka:4.3.1", ...}. That file holds plain values only, two levels deep."""
    values, found = {"": {}}, {}
    for line in (ROOT / "deploy/versions.yaml").read_text().splitlines():
        if entry := re.fullmatch(r"( *)(\w+):(?: +(\S.*?))?", line):
            indent, key, value = entry[1], entry[2], (entry[3] or "").strip("\"'")
            if not indent:
                above = values.setdefault(key, {})
            (above if indent else values[""])[key] = value
    prefix = f"{values['']['registry']}/" if values[""]["registry"] else ""
    for name, image in values.items():
        if "repository" in image:
            found[name] = f"{prefix}{image['repository']}:{image['tag']}"
    return found


class Stage:
    """A root file system that is put together in a folder. As in Debian, /bin, /lib and /sbin are links into /usr."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        for name in ("bin", "lib", "lib64", "sbin"):
            self.folder(f"/usr/{name}")
            self.link(f"/{name}", f"usr/{name}")
        self.folder("/tmp", 0o1777)

    def at(self, path):
        """Where a path of the image is staged; what leads there is made."""
        staged = self.root / str(path).lstrip("/")
        staged.parent.mkdir(parents=True, exist_ok=True)
        return staged

    def folder(self, path, mode=0o755):
        self.at(path).mkdir(parents=True, exist_ok=True)
        self.at(path).chmod(mode)

    def write(self, path, text, mode=0o644):
        self.at(path).write_text(text)
        self.at(path).chmod(mode)

    def link(self, path, target):
        self.at(path).symlink_to(target)

    def user(self, name, number, home="/"):
        """Root and one user; names are looked up in files, hosts in /etc/hosts and then by DNS."""
        self.write("/etc/passwd", f"root:x:0:0:root:/:/sbin/nologin\n{name}:x:{number}:{number}:{name}:{home}:/sbin/nologin\n")
        self.write("/etc/group", f"root:x:0:\n{name}:x:{number}:\n")
        self.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")

    def copy(self, source, path=None, ignore=()):
        """A file, or a folder without what matches `ignore`; links become what they lead to."""
        source, staged = pathlib.Path(source), self.at(path or source)
        if source.is_dir():
            shutil.copytree(source, staged, ignore=shutil.ignore_patterns(*ignore), dirs_exist_ok=True)
        else:
            shutil.copyfile(source, staged)
            shutil.copymode(source, staged)
        return staged

    def program(self, source, path=None, strip=False):
        """A program or a shared library, with all libraries that it needs and the loader."""
        staged = self.copy(source, path)
        if strip:
            subprocess.run(["strip", "--strip-all", staged], check=True)
        self.libraries(source)

    def libraries(self, source, beside=""):
        """The libraries that a program or a library needs, but for those that are staged: they may lie in the folder `beside`."""
        done = subprocess.run(["ldd", source], capture_output=True, text=True, env=os.environ | {"LD_LIBRARY_PATH": str(beside)})
        if done.returncode and "not a dynamic executable" not in done.stderr:
            raise RuntimeError(f"ldd {source}: {done.stdout}{done.stderr}")
        if "not found" in done.stdout:
            raise RuntimeError(f"{source} lacks libraries:\n{done.stdout}")
        # "libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x...)", and the loader: "/lib64/ld-linux-x86-64.so.2 (0x...)"
        for library in re.findall(r"(/\S+) \(0x", done.stdout):
            path = pathlib.Path(library)
            path = path.parent.resolve() / path.name
            if not path.is_relative_to(self.root.resolve()) and not self.at(path).exists():
                self.copy(library, path)


def member(path, staged):
    """The entry of a layer for a file, a folder or a link."""
    entry = tarfile.TarInfo(path)
    mode = staged.lstat().st_mode
    if stat.S_ISLNK(mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, os.readlink(staged), 0o777
    elif stat.S_ISDIR(mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if mode & stat.S_ISVTX else 0o755
    else:
        entry.size, entry.mode = staged.stat().st_size, 0o755 if mode & 0o111 else 0o644
    return entry


class Digest:
    """A file that counts and digests what is written through it."""

    def __init__(self, file):
        self.file, self.sum, self.size = file, hashlib.sha256(), 0

    def write(self, data):
        self.sum.update(data)
        self.size += len(data)
        return self.file.write(data)

    def tell(self):
        return self.size

    def __str__(self):
        return f"sha256:{self.sum.hexdigest()}"


def write_layer(root, file, compress):
    """Writes a layer; gives (digest of the tar, digest of the file)."""
    outer = Digest(file)
    packed = gzip.GzipFile(filename="", mode="wb", fileobj=outer, mtime=0) if compress else outer
    inner = Digest(packed)
    with tarfile.open(fileobj=inner, mode="w", format=tarfile.GNU_FORMAT) as layer:
        for staged in sorted(pathlib.Path(root).rglob("*")):
            entry = member(str(staged.relative_to(root)), staged)
            if entry.isreg():
                with staged.open("rb") as content:
                    layer.addfile(entry, content)
            else:
                layer.addfile(entry)
    if compress:
        packed.close()
    return inner, outer


def full_name(name):
    """As containerd and docker call it: fdp:0.1.0 is docker.io/library/fdp:0.1.0."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def write_archive(root, output, name, config, compress=True):
    """Writes the image `name` of a staged root: `config` is its "config" in the OCI image specification (Entrypoint, User, Env, ...)."""
    architecture = ARCHITECTURES[platform.machine()]
    output = pathlib.Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    blobs = {}

    def blob(kind, value):
        data = json.dumps(value, sort_keys=True).encode()
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    with tempfile.TemporaryFile(dir=output.parent) as layer:
        diff, stored = write_layer(root, layer, compress)
        layer_kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if compress else "")
        described = blob("config.v1+json", {"architecture": architecture, "os": "linux", "config": config,
                                            "rootfs": {"type": "layers", "diff_ids": [str(diff)]}})
        manifest = blob("manifest.v1+json", {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": described,
            "layers": [{"mediaType": layer_kind, "digest": str(stored), "size": stored.size}]})
        path = {key: "blobs/" + digest.replace(":", "/") for key, digest in (("layer", str(stored)), ("config", described["digest"]))}
        manifest["platform"] = {"architecture": architecture, "os": "linux"}
        manifest["annotations"] = {"io.containerd.image.name": full_name(name),
                                   "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
        files = {"oci-layout": {"imageLayoutVersion": "1.0.0"},
                 "index.json": {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]},
                 "manifest.json": [{"Config": path["config"], "RepoTags": [name], "Layers": [path["layer"]]}]}
        blobs.update({file: json.dumps(value, sort_keys=True).encode() for file, value in files.items()})
        part = output.with_name(output.name + ".part")
        with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as archive:
            for file, data in sorted(blobs.items()):
                entry = tarfile.TarInfo(file)
                entry.size, entry.mode = len(data), 0o644
                archive.addfile(entry, io.BytesIO(data))
            entry = tarfile.TarInfo(path["layer"])
            entry.size, entry.mode = stored.size, 0o644
            layer.seek(0)
            archive.addfile(entry, layer)
        part.replace(output)
    return stored.size
