"""Serves an ASGI application on loopback and says when it listens."""

import asyncio

import uvicorn

from launch import HOST


async def _serve(app, port, on_listening):
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        on_listening()
    await serving


def serve(app, port, on_listening):
    """Runs until the process is ended; `on_listening` is called once, when the port is open."""
    asyncio.run(_serve(app, port, on_listening))
