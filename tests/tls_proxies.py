"""nginx and Caddy on loopback, with the files of deploy/ and a certificate of the tests' authority, in front of a running Heliograph."""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import re
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import needed
from tests.authority import Authority
from tests.processes import free_port
from tests.waiting import PATIENCE, until

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
NAME = "signal.example.org"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the proxy listens, and where Heliograph does: everything on 127.0.0.1."""

    https: int
    http: int
    scrape: int
    pages: int
    door: int
    operations: int

    @classmethod
    def free(cls) -> Ports:
        return cls(*(free_port() for _ in range(6)))

    def settings(self) -> dict[str, str]:
        """Heliograph's, as docs/running/deployment.md has them."""
        return {
            "HELIOGRAPH_BASE_URL": f"https://localhost:{self.https}",
            "HELIOGRAPH_BIND": f"127.0.0.1:{self.pages}",
            "HELIOGRAPH_INGEST_BIND": f"127.0.0.1:{self.door}",
            "HELIOGRAPH_OPERATIONS_BIND": f"127.0.0.1:{self.operations}",
            "HELIOGRAPH_TRUSTED_PROXIES": "127.0.0.1",
        }

    def put_into(self, text: str) -> str:
        """A configuration with the host name and the ports of the test in place of the documented ones."""
        for documented, port in {"127.0.0.1:8700": self.pages, "127.0.0.1:8701": self.operations, "127.0.0.1:8702": self.door}.items():
            text = text.replace(documented, f"127.0.0.1:{port}")
        return text.replace(NAME, "localhost").replace("192.0.2.10", "127.0.0.9")


class Loopback(urllib.request.HTTPSHandler):
    """Opens connections from an address of 127.0.0.0/8, as another machine would, and trusts the test's authority."""

    def __init__(self, authority: Authority, source: str) -> None:
        self._trust = ssl.create_default_context(cafile=str(authority.ca_file))
        super().__init__(context=self._trust)
        self._source = source

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        connect = functools.partial(http.client.HTTPSConnection, source_address=(self._source, 0))
        return self.do_open(connect, request, context=self._trust)


@contextlib.contextmanager
def nginx(ports: Ports, authority: Authority, folder: Path) -> Iterator[None]:
    """Runs nginx until the end of the block."""
    identity = folder / "identity.pem"
    identity.write_text(authority.identity("localhost"), "utf-8")
    sites = ""
    for name in ("heliograph.conf", "heliograph-metrics.conf"):
        site = ports.put_into((DEPLOY / "nginx" / name).read_text("utf-8"))
        site = re.sub(r"^ *listen \[::\].*\n", "", site, flags=re.MULTILINE)  # IPv6 is not everywhere
        for documented, port in {"80;": ports.http, "443 ssl;": ports.https, "9443 ssl;": ports.scrape}.items():
            site = site.replace(f"listen {documented}", f"listen 127.0.0.1:{port}{documented.lstrip('0123456789')}")
        sites += re.sub(r"/etc/ssl/heliograph/\w+\.pem", str(identity), site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder / kind};\n" for kind in kinds)
    configuration = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    configuration.write_text(
        f"{user}daemon off;\npid {folder / 'nginx.pid'};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{sites}}}\n", "utf-8"
    )
    with _running([_path_of("nginx"), "-e", str(folder / "nginx.log"), "-p", str(folder), "-c", str(configuration)], ports, folder):
        yield


@contextlib.contextmanager
def caddy(ports: Ports, authority: Authority, folder: Path) -> Iterator[None]:
    """Runs Caddy until the end of the block. Its own certificates need the internet, so the test's stands in the file."""
    identity = folder / "identity.pem"
    identity.write_text(authority.identity("localhost"), "utf-8")
    text = ports.put_into((DEPLOY / "caddy" / "Caddyfile").read_text("utf-8"))
    text = text.replace("{\n", f"{{\n\tadmin off\n\thttp_port {ports.http}\n\thttps_port {ports.https}\n\tdefault_bind 127.0.0.1\n", 1)
    for documented, port in {"localhost {": ports.https, "localhost:9443 {": ports.scrape}.items():
        text = text.replace(f"\n{documented}\n", f"\nlocalhost:{port} {{\n\ttls {identity} {identity}\n")
    configuration = folder / "Caddyfile"
    configuration.write_text(text, "utf-8")
    with _running([_path_of("caddy"), "run", "--config", str(configuration), "--adapter", "caddyfile"], ports, folder):
        yield


def _path_of(name: str) -> str:
    program = needed.program(name)
    assert program is not None
    return program


@contextlib.contextmanager
def _running(command: list[str], ports: Ports, folder: Path) -> Iterator[None]:
    log = folder / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={"PATH": os.environ["PATH"], "HOME": str(folder)})
    try:
        until(lambda: process.poll() is not None or all(map(_listens, (ports.https, ports.http, ports.scrape))))
        assert process.poll() is None, log.read_text("utf-8")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
