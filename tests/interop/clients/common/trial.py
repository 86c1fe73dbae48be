"""What is tried with a client that is written in Python, the same as in `trial.mjs`, which says how it is told."""

import asyncio
import json
import sys

TYPED = "ada"
STEPS = 3


def check(holds, otherwise):
    if not holds:
        raise AssertionError(otherwise)


def text_of(result, is_error):
    """The text of a result of `tools/call`."""
    text = "\n".join(getattr(part, "text", "") for part in result.content)
    check(not is_error, f"the tool failed: {text}")
    return text


def filled_in(schema):
    """The form filled in."""
    return {name: TYPED for name in schema["properties"]}


async def listed(conversation, wanted):
    tools, prefix = await conversation.tools(), wanted["prefix"]
    check(f"{prefix}greet" in tools, f"the list holds {', '.join(tools) or 'nothing'}")
    check(all(name.startswith(prefix) for name in tools), f"not every name begins with {prefix}")


async def called(conversation, wanted):
    text = await conversation.call(f"{wanted['prefix']}greet", {"name": "Grüße"})
    check(text == "Hello, Grüße!", f"the tool said {text}")


async def progressed(conversation, wanted):
    told = []

    async def on_progress(*step):
        told.append(step)

    await conversation.call(f"{wanted['prefix']}test_tool_with_progress", {}, on_progress)
    check(len(told) == STEPS, f"{len(told)} of {STEPS} steps were told")


async def asked(conversation, wanted):
    text = await conversation.call(f"{wanted['prefix']}{wanted['ask']}", {"message": "Who are you?"})
    check(TYPED in text, f"what the person typed is not in {text}")


CELLS = {"list": listed, "call": called, "progress": progressed, "ask": asked}


def tell(**line):
    print(json.dumps(line), flush=True)


def words(error):
    """What an error says; groups of errors say what the first of them does."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def try_all(connect, wanted):
    good = True
    async with connect(wanted) as conversation:
        spoken = conversation.protocol_version
        check(spoken == wanted["wire"], f"it speaks {spoken}, not {wanted['wire']}")
        tell(cell="connect", mark="ok")
        for cell, act in CELLS.items():
            try:
                await act(conversation, wanted)
                tell(cell=cell, mark="ok")
            except Exception as error:
                good = False
                tell(cell=cell, mark="failed", note=words(error))
    return good


def try_client(version, connect):
    """Tries everything with one client, and ends the process: 0 where no cell failed."""
    tell(version=version)
    try:
        good = asyncio.run(try_all(connect, json.loads(sys.argv[1])))
    except Exception as error:
        good = False
        tell(cell="connect", mark="failed", note=words(error))
    sys.exit(0 if good else 1)
