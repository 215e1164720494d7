# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes for tests, run by cluster.sh: started, spoken to with kubectl, helm and helmfile, looked into, taken down.

  with Cluster() as cluster:
      cluster.load(*images(), ROOT / "build/image/fdp-0.1.0.tar")
      cluster.helmfile("-e", "offline", "sync")
      cluster.wait("pod/storage-postgresql-0", "Ready")

It ends with the process that started it, whatever happens to that. There is one on a machine."""
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "tests/cluster"
DEADLINE = 120  # seconds; generous, because machines are shared


def images(*names):
    """The archives of images of the tests (images/build.py says which there are), made if they are not there; default: what the charts use
    beside fdp. The cluster has those called tools, coredns and pause already."""
    return _output(HERE / "images/build.py", *(names or ("kafka", "postgresql", "prometheus", "akhq", "grafana"))).split()


def wait_for(condition, what, deadline=DEADLINE):
    """Waits until condition() is true and returns what it gave; a command that fails meanwhile is tried again."""
    end = time.monotonic() + deadline
    while True:
        try:
            value, failure = condition(), ""
        except Failed as error:
            value, failure = None, f"\n{error}"
        if value:
            return value
        assert time.monotonic() < end, f"not within {deadline} s: {what}{failure}"
        time.sleep(0.2)


class Failed(AssertionError):
    """A command that ended otherwise than it should; it tells all that the command said."""


@dataclasses.dataclass
class Memory:
    """Bytes that a pod uses: `resident` belongs to its processes, `working` is what its limit is compared with (the page cache that can be
    dropped is left out)."""
    resident: int
    working: int


class Cluster:
    def __init__(self, replace=False):
        """Starts one; refuses when one runs already, unless it is to be replaced."""
        _output(HERE / "cluster.sh", "up", "--owner", os.getpid(), *(["--replace"] if replace else []), timeout=600)
        settings = _output(HERE / "cluster.sh", "env").splitlines()
        self.environment = os.environ | dict(line.split("=", 1) for line in settings)

    def stop(self):
        _output(HERE / "cluster.sh", "down")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def load(self, *archives):
        """Gives it images: it has no registry to pull from."""
        _output(HERE / "cluster.sh", "load", *archives)

    def kubelet(self, action):
        """stop, start or restart, of the node's agent alone; pods go on."""
        _output(HERE / "cluster.sh", "kubelet", action)

    # --- Commands. Each gives what was printed, and raises Failed when the exit code is another than `code`.

    def run(self, *command, code=0, stdin=None, timeout=600, env=None):
        return _output(*command, code=code, stdin=stdin, timeout=timeout, env=self.environment | (env or {}), cwd=ROOT)

    def kubectl(self, *args, **options):
        return self.run("kubectl", *args, **options)

    def helm(self, *args, version=3, **options):
        return self.run(_helm(version), *args, **options)

    def helmfile(self, *args, version=3, **options):
        """helmfile on deploy/helmfile.yaml.gotmpl, with Helm 3 or 4."""
        return self.run("helmfile", "--helm-binary", _helm(version), "--file", ROOT / "deploy/helmfile.yaml.gotmpl", *args, **options)

    # --- Looking.

    def get(self, *args):
        """kubectl get ARGS, as what its JSON says; a list of objects for kinds."""
        found = json.loads(self.kubectl("get", "--output=json", *args))
        return found["items"] if found.get("kind", "").endswith("List") else found

    def exists(self, *args):
        return bool(self.kubectl("get", "--ignore-not-found", "--output=name", *args))

    def apply(self, manifest, *args):
        """Makes what a manifest says: text, or an object or a list of them."""
        objects = manifest if isinstance(manifest, list) else [manifest]
        text = manifest if isinstance(manifest, str) else "\n---\n".join(map(json.dumps, objects))
        return self.kubectl("apply", "--filename=-", *args, stdin=text)

    def wait(self, what, condition, *args, deadline=DEADLINE):
        """Waits for a condition of an object, such as Ready of pod/NAME or Complete of job/NAME, also of one that is not there yet."""
        wait_for(lambda: self.exists(what, *args), f"{what} exists", deadline)
        self.kubectl("wait", what, f"--for=condition={condition}", f"--timeout={deadline}s", *args, timeout=deadline + 10)

    def execute(self, pod, *command, container=None, **options):
        """Runs a command in a pod."""
        return self.kubectl("exec", "--stdin", pod, *(["--container", container] if container else []), "--", *command, **options)

    @contextlib.contextmanager
    def forwarded(self, what, port, *args):
        """The local address of a port of a pod or a service (pod/NAME, service/NAME) while the context lasts. It ends at the first connection
        that the pod refuses: wait until it is ready."""
        process = subprocess.Popen(["kubectl", "port-forward", what, f":{port}", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.environment)
        try:
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:\d+", line)
            if not found:
                process.kill()
                raise Failed(f"port-forward {what} {port}: {line}{process.stderr.read()}")
            yield found[0]
        finally:
            process.kill()
            process.communicate()

    def memory(self, *args):
        """What each running pod uses: {name: Memory}; by default of the default namespace."""
        pods = self.get("pods", *args)
        return {pod["metadata"]["name"]: _memory(pod["metadata"]["uid"]) for pod in pods if pod["status"]["phase"] == "Running"}


def _helm(version):
    return {3: "helm", 4: "helm4"}[version]


def _memory(uid):
    """A pod's memory by its control group, which is of version 1 or 2."""
    root = pathlib.Path("/sys/fs/cgroup")
    if (root / "memory").is_dir():
        root, usage, resident, inactive = root / "memory", "memory.usage_in_bytes", "total_rss", "total_inactive_file"
    else:
        usage, resident, inactive = "memory.current", "anon", "inactive_file"
    group = next(root.glob(f"kubepods/**/pod{uid}"))
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return Memory(resident=int(stat[resident]), working=int((group / usage).read_text()) - int(stat[inactive]))


def _output(*command, code=0, stdin=None, timeout=600, env=None, cwd=None):
    command = [str(word) for word in command]
    done = subprocess.run(command, input=stdin or "", capture_output=True, text=True, errors="replace", timeout=timeout, env=env, cwd=cwd)
    if done.returncode != code:
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
