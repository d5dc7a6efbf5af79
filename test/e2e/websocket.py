"""A real WebSocket server and client, for the end-to-end tests.

websocket.py serve            echoes on a port of the kernel's choice, which it prints; /ping answers 200
websocket.py talk PORT COUNT  sends COUNT messages of 1 B to 1 MiB, checks every echo, says "half" and "done"
websocket.py hold PORT        opens one, says "open", and says how it ended
websocket.py last PORT SECONDS  opens one, says "open", talks for so long, and says "lasted"
"""

import asyncio
import http
import random
import sys
import time

import websockets


async def echo(connection):
    async for message in connection:
        await connection.send(message)


def answer_ping(first, second):
    """Of websockets 10 (path, headers), which awaits it, and of 15 (connection, request)."""
    if isinstance(first, str):
        return legacy_ping(first)
    return first.respond(http.HTTPStatus.OK, "pong\n") if second.path == "/ping" else None


async def legacy_ping(path):
    return (http.HTTPStatus.OK, [], b"pong\n") if path == "/ping" else None


async def serve():
    async with websockets.serve(
        echo, "127.0.0.1", 0, process_request=answer_ping, max_size=2**21
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def talk(port, count):
    sizes = random.Random(1)
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/", max_size=2**21, ping_interval=None, compression=None
    ) as connection:
        for i in range(count):
            size = min(2**20, 2 ** sizes.randrange(21)) if i % 10 == 0 else 1 + sizes.randrange(2000)
            if i == count - 1:
                size = 2**20
            message = sizes.randbytes(size)
            await connection.send(message)
            if await connection.recv() != message:
                sys.exit(f"message {i} came back changed")
            if i == count // 2:
                print("half", flush=True)
    print("done", flush=True)


async def hold(port):
    async with websockets.connect(f"ws://127.0.0.1:{port}/", ping_interval=None) as connection:
        await connection.send("hello")
        print("open", await connection.recv(), flush=True)
        try:
            await connection.recv()
        except websockets.ConnectionClosed as closed:
            print("closed", closed.rcvd.code if closed.rcvd else 1006, flush=True)


async def last(port, seconds):
    async with websockets.connect(f"ws://127.0.0.1:{port}/", ping_interval=None) as connection:
        await connection.send("hello")
        print("open", await connection.recv(), flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await connection.send("still here")
            assert await connection.recv() == "still here"
            await asyncio.sleep(0.02)
        print("lasted", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve())
    elif sys.argv[1] == "talk":
        asyncio.run(talk(int(sys.argv[2]), int(sys.argv[3])))
    elif sys.argv[1] == "last":
        asyncio.run(last(int(sys.argv[2]), float(sys.argv[3])))
    else:
        asyncio.run(hold(int(sys.argv[2])))
