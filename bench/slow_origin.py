"""slow_origin.py PORT: answers that take their time, and tunnels. /slow/N takes N seconds, in ten pieces, or with
?silent in one at the end; a request for an upgrade gets it, and its bytes come back; /ping is answered at once."""
import asyncio, base64, hashlib, re, sys

PIECES = 10


def head(status, *fields):
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


async def answer_slowly(writer, target):
    seconds = float(target.removeprefix("/slow/").removesuffix("?silent"))
    silent = target.endswith("?silent")
    if silent:
        await asyncio.sleep(seconds)
    writer.write(head("200 OK", f"Content-Length: {PIECES}"))
    for _ in range(PIECES):
        if not silent:
            await writer.drain()
            await asyncio.sleep(seconds / PIECES)
        writer.write(b"x")


async def echo(reader, writer, request):
    key = re.search(r"sec-websocket-key: *(\S+)", request, re.I).group(1)
    accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()  # RFC 6455 4.2.2
    writer.write(head("101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket",
                      "Sec-WebSocket-Accept: " + base64.b64encode(accept).decode()))
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def serve(reader, writer):
    try:
        while True:
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            target = request.split()[1]
            if "\nupgrade:" in request.lower():
                return await echo(reader, writer, request)
            if target.startswith("/slow/"):
                await answer_slowly(writer, target)
            else:
                writer.write(head("200 OK", "Content-Length: 5") + b"pong\n")
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass  # The proxy has ended it.
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())
