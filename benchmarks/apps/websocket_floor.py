"""The floor of a fan-out: `websockets` and its broadcast. Any client's text makes it tell all."""

import asyncio
import json
import sys
import time

from websockets.asyncio.server import broadcast, serve

MESSAGE = {
    "changes": [{"position": 1, "verb": "repair.moved", "number": "RT-10001", "actor": "staff:1"}],
    "position": 1,
}
clients = set()


async def listen(client) -> None:
    clients.add(client)
    try:
        async for _ in client:
            broadcast(clients, json.dumps(["changes", {**MESSAGE, "t": time.perf_counter()}]))
    finally:
        clients.discard(client)


async def main() -> None:
    async with serve(listen, "127.0.0.1", int(sys.argv[1]), compression=None):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
