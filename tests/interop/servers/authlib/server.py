"""Starts Authlib as the authorization server and a FastMCP server that asks it about every token, on two ports of loopback."""

import sys
from importlib.metadata import version
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).parent.parent / "common"))

import httpx2
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from werkzeug.serving import WSGIRequestHandler, make_server

import authorization_server
import storage
from asgi import serve
from launch import HOST, CountedWsgi, Counts, Settings, ready

SCOPE = "mcp:read"


class Silent(WSGIRequestHandler):
    """Requests are not worth a line each."""

    def log_request(self, *_args):
        pass


def start_authorization_server(issuer, settings, counts):
    """Serves it from a thread of its own, one request at a time, as its one database connection wants it."""
    app = authorization_server.create(issuer, settings.ttl)
    app.wsgi_app = CountedWsgi(app.wsgi_app, counts, {"/token": "token", "/register": "registration"})
    server = make_server(HOST, settings.authorization_port, app, request_handler=Silent)
    Thread(target=server.serve_forever, daemon=True).start()
    return app


def mcp_server(issuer, base):
    """The protected MCP server."""
    resource_server = authorization_server.RESOURCE_SERVER
    verifier = IntrospectionTokenVerifier(
        introspection_url=f"{issuer}/introspect",
        required_scopes=[SCOPE],
        # one for all: by default every check of a token makes a client, which takes longer than the check
        http_client=httpx2.AsyncClient(timeout=10),
        **resource_server,
    )
    auth = RemoteAuthProvider(
        token_verifier=verifier, authorization_servers=[issuer], base_url=base, scopes_supported=[SCOPE]
    )
    mcp = FastMCP("authlib-resource", auth=auth)

    @mcp.tool
    def add(a: int, b: int) -> int:
        """Add two integers"""
        return a + b

    return mcp


def main():
    """Runs until the process is ended."""
    settings = Settings.from_environment()
    base = f"http://{HOST}:{settings.port}"
    issuer = f"http://{HOST}:{settings.authorization_port}"
    counts = Counts()
    app = start_authorization_server(issuer, settings, counts)

    def revoke_all():
        with app.app_context():
            storage.revoke_all()

    def on_listening():
        ready(f"{base}/mcp", version("authlib"), settings.control_port, counts, revoke_all)

    serve(mcp_server(issuer, base).http_app(path="/mcp"), settings.port, on_listening)


main()
