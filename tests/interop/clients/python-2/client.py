"""The Python SDK, second generation, on either wire."""

from contextlib import asynccontextmanager
from importlib.metadata import version

import httpx2
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client

from trial import filled_in, text_of, try_client


async def fill_in(_context, params):
    return types.ElicitResult(action="accept", content=filled_in(params.requested_schema))


class Conversation:
    def __init__(self, client):
        self.client = client
        self.protocol_version = client.protocol_version

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        result = await self.client.call_tool(name, arguments, progress_callback=on_progress)
        return text_of(result, result.is_error)


@asynccontextmanager
async def connect(wanted):
    mode = "auto" if wanted["wire"] == "2026-07-28" else "legacy"
    headers = {"authorization": wanted["authorization"]}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http_client:
        transport = streamable_http_client(wanted["url"], http_client=http_client)
        async with Client(transport, mode=mode, elicitation_callback=fill_in) as client:
            yield Conversation(client)


try_client(version("mcp"), connect)
