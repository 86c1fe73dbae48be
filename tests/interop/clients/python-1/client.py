"""The Python SDK, first generation."""

from contextlib import asynccontextmanager
from importlib.metadata import version

from mcp import ClientSession, types
from mcp.client.streamable_http import streamablehttp_client

from trial import filled_in, text_of, try_client


async def fill_in(_context, params):
    return types.ElicitResult(action="accept", content=filled_in(params.requestedSchema))


class Conversation:
    def __init__(self, session, protocol_version):
        self.session = session
        self.protocol_version = protocol_version

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        result = await self.session.call_tool(name, arguments, progress_callback=on_progress)
        return text_of(result, result.isError)


@asynccontextmanager
async def connect(wanted):
    headers = {"authorization": wanted["authorization"]}
    async with streamablehttp_client(wanted["url"], headers=headers) as (read, write, _session_id):
        async with ClientSession(read, write, elicitation_callback=fill_in) as session:
            opened = await session.initialize()
            yield Conversation(session, opened.protocolVersion)


try_client(version("mcp"), connect)
