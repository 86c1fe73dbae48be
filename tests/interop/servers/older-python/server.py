"""An MCP server over HTTP with SSE alone: FastMCP of the Python SDK's first generation, with the transport "sse".
The control address counts its streams."""

import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "common"))

from mcp.server.fastmcp import Context, FastMCP
from pydantic import BaseModel

from asgi import serve
from launch import Settings, ready

STEPS = (0, 50, 100)


@dataclass
class Streams:
    """How many streams there were, and how many there are."""

    streams_opened: int = 0
    streams_open: int = 0


class Counted:
    """An ASGI application whose GET requests are counted, each of which is a stream."""

    def __init__(self, app, streams):
        self.app, self.streams = app, streams

    async def __call__(self, scope, receive, send):
        if scope.get("method") != "GET":
            return await self.app(scope, receive, send)
        self.streams.streams_opened += 1
        self.streams.streams_open += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.streams.streams_open -= 1


class Person(BaseModel):
    username: str


mcp = FastMCP("older-python")


@mcp.tool()
def greet(name: str) -> str:
    return f"Hello, {name}!"


@mcp.tool()
async def test_tool_with_progress(context: Context) -> str:
    for step in STEPS:
        await context.report_progress(step, 100)
    return "Done"


@mcp.tool()
async def test_elicitation(message: str, context: Context) -> str:
    answer = await context.elicit(message, Person)
    return f"The person: {answer.action} {answer.data.username if answer.action == 'accept' else ''}"


settings, streams = Settings.from_environment(), Streams()


def say_ready():
    url = f"http://localhost:{settings.port}/sse"
    ready(url, version("mcp"), settings.control_port, streams, lambda: None)


serve(Counted(mcp.sse_app(), streams), settings.port, say_ready)
