"""FastMCP with its in-memory authorization server: approves every sign-in by itself, rotates refresh tokens."""

import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "common"))

from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
from fastmcp.server.auth.providers import in_memory

from asgi import serve
from launch import HOST, CountedAsgi, Counts, Settings, ready

SCOPES = ["mcp"]


class Provider(in_memory.InMemoryOAuthProvider):
    """Keeps access tokens for as long as it promised.

    FastMCP cuts their end to a whole second, up to a second before the end that `expires_in` tells, and an access
    token that comes after its end takes the refresh token with it. With lives of hours nobody notices; with lives of
    seconds a client that renews in good time would lose its grant.
    """

    def _promised(self, tokens):
        self.access_tokens[tokens.access_token].expires_at += 1
        return tokens

    async def exchange_authorization_code(self, client, authorization_code):
        return self._promised(await super().exchange_authorization_code(client, authorization_code))

    async def exchange_refresh_token(self, client, refresh_token, scopes):
        return self._promised(await super().exchange_refresh_token(client, refresh_token, scopes))


settings = Settings.from_environment()
base = f"http://{HOST}:{settings.port}"
in_memory.DEFAULT_ACCESS_TOKEN_EXPIRY_SECONDS = settings.ttl
provider = Provider(
    base_url=base,
    required_scopes=SCOPES,
    client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=SCOPES, default_scopes=SCOPES),
    revocation_options=RevocationOptions(enabled=True),
)
mcp = FastMCP("fastmcp-in-memory", auth=provider)


@mcp.tool
def add(a: int, b: int) -> int:
    """Add two integers"""
    return a + b


def revoke_all():
    """Forgets every token."""
    provider.access_tokens.clear()
    provider.refresh_tokens.clear()


counts = Counts()
app = CountedAsgi(mcp.http_app(path="/mcp"), counts, {"/token": "token", "/register": "registration"})
serve(
    app,
    settings.port,
    lambda: ready(f"{base}/mcp", version("fastmcp"), settings.control_port, counts, revoke_all),
)
