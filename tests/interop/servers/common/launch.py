"""What the launch scripts of the Python servers share: settings, counting, the control address, the ready line."""

import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qs

HOST = "127.0.0.1"


@dataclass
class Settings:
    """Ports of the MCP server, the authorization server and the control address; `ttl` is an access token's life in seconds."""

    port: int
    authorization_port: int
    control_port: int
    ttl: int

    @classmethod
    def from_environment(cls):
        """Reads PORT, AUTHORIZATION_PORT, CONTROL_PORT and TTL."""
        names = ["PORT", "AUTHORIZATION_PORT", "CONTROL_PORT", "TTL"]
        return cls(*(int(os.environ[name]) for name in names))


@dataclass
class Counts:
    """What an authorization server truly received."""

    refresh_requests: int = 0
    refresh_successes: int = 0
    registrations: int = 0

    def record(self, kind, body, status):
        """Counts one answered POST; `kind` is `token` or `registration`."""
        if kind == "registration":
            self.registrations += status < 300
        elif parse_qs(body.decode()).get("grant_type") == ["refresh_token"]:
            self.refresh_requests += 1
            self.refresh_successes += status == 200


class CountedAsgi:
    """An ASGI application with its token and registration endpoints counted."""

    def __init__(self, app, counts, kinds):
        self.app, self.counts, self.kinds = app, counts, kinds

    async def __call__(self, scope, receive, send):
        kind = self.kinds.get(scope.get("path"))
        if kind is None or scope.get("method") != "POST":
            return await self.app(scope, receive, send)
        body = bytearray()
        status = 0

        async def received():
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def sent(message):
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self.app(scope, received, sent)
        self.counts.record(kind, bytes(body), status)


class CountedWsgi:
    """A WSGI application with its token and registration endpoints counted."""

    def __init__(self, app, counts, kinds):
        self.app, self.counts, self.kinds = app, counts, kinds

    def __call__(self, environ, start_response):
        kind = self.kinds.get(environ["PATH_INFO"])
        if kind is None or environ["REQUEST_METHOD"] != "POST":
            return self.app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)

        def started(status, *rest):
            self.counts.record(kind, body, int(status.split()[0]))
            return start_response(status, *rest)

        return self.app(environ, started)


def _start_control(port, counts, revoke_all):
    class Control(BaseHTTPRequestHandler):
        def answer(self, status):
            body = json.dumps(asdict(counts)).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.answer(200 if self.path == "/" else 404)

        def do_POST(self):
            known = self.path == "/revoke_all"
            if known:
                revoke_all()
            self.answer(200 if known else 404)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer((HOST, port), Control)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _end_with_parent():
    sys.stdin.read()
    os._exit(0)


def ready(mcp_url, version, control_port, counts, revoke_all):
    """Opens the control address, prints the ready line, and ends this process when whoever started it is gone."""
    _start_control(control_port, counts, revoke_all)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    line = {"mcp_url": mcp_url, "control_url": f"http://{HOST}:{control_port}", "version": version}
    print(json.dumps(line), flush=True)
