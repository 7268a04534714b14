"""The container image, run as the how-to says: what it weighs, how fast it starts and stops, is anything lost?

    docker build -t carpal:0.1.0 . && python benchmarks/container.py

Root file system read-only, no capability, user 10001, no network at all: what is asked of the service is asked inside
the container. Radiographs drawn by ``carpal phantom`` are read, some of them accepted right before the container is
stopped, then it starts again on the same volume. Exits with 1 where something is lost, is root's, or takes too long.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
import uuid
from typing import Any

LOCKS = ["--init", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
LOCKS += ["--network", "none"]

# Runs in the container, which has Python and no curl: METHOD PATH TOKEN, and for POST the phantom to send.
ASK = """
import sys, urllib.error, urllib.request
method, path, token, file = sys.argv[1:]
body, kind = None, {}
if file:
    body = b'--part\\r\\nContent-Disposition: form-data; name="file"; filename="hand.dcm"\\r\\n\\r\\n'
    body += open(file, 'rb').read() + b'\\r\\n--part--\\r\\n'
    kind = {'Content-Type': 'multipart/form-data; boundary=part'}
request = urllib.request.Request('http://127.0.0.1:8000' + path, body, kind, method=method)
if token:
    request.add_header('Authorization', 'Bearer ' + token)
sys.stdout.buffer.write(urllib.request.urlopen(request, timeout=60).read())
"""


def docker(*arguments: str, text: bool = True) -> Any:
    """What docker prints. Raises CalledProcessError."""
    printed = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=text).stdout
    return printed.strip() if text else printed


class Container:
    """``carpal serve`` on a volume of its own; both are gone at the end."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.name = self.volume = f"carpal-benchmark-{uuid.uuid4().hex[:8]}"
        self.token = self.once("serve", "token", "add", "benchmark", "--data", "/data")

    def once(self, *command: str) -> str:
        """One command of carpal in a container that ends with it."""
        return docker("run", "--rm", *LOCKS, "--volume", f"{self.volume}:/data", self.image, *command)

    def start(self) -> float:
        """Seconds until it is ready to read."""
        began = time.monotonic()
        if docker("ps", "--all", "--quiet", "--filter", f"name={self.name}"):
            docker("start", self.name)
        else:
            docker("run", "--detach", "--name", self.name, *LOCKS, "--volume", f"{self.volume}:/data", self.image)
        while time.monotonic() - began < 60:
            try:
                if json.loads(self.ask("GET", "/health"))["ready"]:
                    return time.monotonic() - began
            except subprocess.CalledProcessError:
                time.sleep(0.1)
        raise SystemExit("not ready within a minute:\n" + docker("logs", self.name))

    def ask(self, method: str, path: str, file: str = "", token: str = "") -> bytes:
        return docker("exec", self.name, "python", "-c", ASK, method, path, token, file, text=False)

    def send(self, file: str, wait: int) -> dict[str, Any]:
        return json.loads(self.ask("POST", f"/readings?wait={wait}", file, self.token))

    def readings(self) -> list[dict[str, Any]]:
        return json.loads(self.ask("GET", "/readings?limit=100", token=self.token))["readings"]

    def memory(self) -> str:
        """As docker says it: processes, what is in /tmp, and files that the kernel keeps for them."""
        return docker("stats", "--no-stream", "--format", "{{.MemUsage}}", self.name).split(" / ")[0]

    def stop(self) -> tuple[float, int]:
        """Seconds that it takes, and the exit status."""
        began = time.monotonic()
        docker("stop", "--time", "30", self.name)
        return time.monotonic() - began, int(docker("inspect", "--format", "{{.State.ExitCode}}", self.name))

    def remove(self) -> None:
        subprocess.run(["docker", "rm", "--force", self.name], capture_output=True)
        subprocess.run(["docker", "volume", "rm", "--force", self.volume], capture_output=True)


def measure(container: Container, image: str, sent: int) -> list[str]:
    """Prints what it costs; what went wrong, in sentences."""
    wrong = []
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        f"image: {int(docker('image', 'inspect', '--format', '{{.Size}}', image)) / 1e6:.0f} MB unpacked, base included"
    )
    print(f"from docker run to ready: {container.start():.1f} s; memory {container.memory()}")

    docker("exec", container.name, "carpal", "phantom", "/tmp/hand.dcm", "--age-months", "118", "--sex", "F")
    reading = container.send("/tmp/hand.dcm", 60)
    for document in ("report.pdf", "evidence.png", "sr.dcm"):
        if not container.ask("GET", f"/readings/{reading['id']}/{document}", token=container.token):
            wrong.append(f"{document} is empty")
    print(f"a radiograph with report, evidence and structured report: memory {container.memory()}")

    accepted = {container.send("/tmp/hand.dcm", 0)["id"] for _ in range(sent)}
    seconds, status = container.stop()
    print(f"stopped with {sent} radiographs just accepted: {seconds:.1f} s, exit status {status}")
    if status != 0:
        wrong.append(f"exit status {status}")

    print(f"from docker start to ready, same volume: {container.start():.1f} s")
    for _ in range(600):
        states = {known["id"]: known["state"] for known in container.readings()}
        if "queued" not in states.values():
            break
        time.sleep(0.1)
    done = [one for one in accepted | {reading["id"]} if states.get(one) == "done"]
    print(f"of {sent + 1} acknowledged {len(done)} read")
    if len(done) != sent + 1 or len(states) != sent + 1:
        wrong.append("readings are lost or doubled")

    owners = docker("exec", container.name, "find", "/data", "!", "-user", "10001")
    if owners:
        wrong.append(f"not its own: {owners}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="carpal:0.1.0")
    parser.add_argument("--sent", type=int, default=20, help="radiographs that are accepted right before the stop")
    arguments = parser.parse_args()
    container = Container(arguments.image)
    try:
        wrong = measure(container, arguments.image, arguments.sent)
    finally:
        container.remove()
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
