"""What is measured: S1 to S10."""
import dataclasses

KIB, MIB = 1024, 1 << 20
BROWSER = (  # what a browser sends along: with Host 20 fields, 1 KiB of cookies
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.5", "Accept-Encoding: gzip, deflate, br", "DNT: 1", "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
    "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Sec-Fetch-User: ?1",
    "Referer: https://shop.example/catalogue/page/17?sort=price", "Cache-Control: max-age=0", "Pragma: no-cache",
    "X-Requested-With: XMLHttpRequest", 'If-None-Match: "5f3c-1b2a"', "Priority: u=1", "X-Client: 7",
    "X-Trace: 4bf92f3577b34da6a3ce929d0e0e4736", "Cookie: session=" + "c" * 1010,
)


@dataclasses.dataclass(frozen=True)
class Load:
    path: str = "/bytes/1024"
    connections: int = 64
    fields: tuple = ()
    body: int = 0  # bytes of a POST
    chunked: bool = False  # the body is sent in chunks
    keep_alive: bool = True  # for ab; wrk is told by a field
    paced: bool = False  # far from as much as it takes
    by_bytes: bool = False  # what counts is the CPU time of a byte, not of a request


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    load: Load
    kind: str = "wrk"  # "ab", or one of special.py: "idle", "change", "pools"
    has_floor: bool = False
    counts_calls: bool = True


def s1():
    for size, text in ((100, "100 B"), (KIB, "1 KiB")):
        for connections, many in ((1, "1 connection"), (64, "64 connections"), (1000, "1,000 connections")):
            yield Scenario(f"S1 keep-alive, {text}, {many}", Load(f"/bytes/{size}", connections), has_floor=True)


def s5():
    for size, text, connections in ((16 * KIB, "16 KiB", 64), (MIB, "1 MiB", 16)):
        yield Scenario(f"S5 POST {text} with Content-Length", Load("/bytes/16", connections, body=size))
        yield Scenario(f"S5 POST {text} chunked, and as much back",
                       Load(f"/chunked/{size}", connections, body=size, chunked=True))


ALL = [
    *s1(),
    Scenario("S2 a connection for each request, 1 KiB", Load(fields=("Connection: close",))),
    Scenario("S3 64 KiB", Load(f"/bytes/{64 * KIB}")),
    Scenario("S4 1 MiB, 16 connections", Load(f"/bytes/{MIB}", 16, by_bytes=True)),
    Scenario("S4 100 MiB, 4 connections", Load(f"/bytes/{100 * MIB}", 4, by_bytes=True), counts_calls=False),
    *s5(),
    Scenario("S6 a browser's fields, 1 KiB", Load(fields=BROWSER), has_floor=True),
    Scenario("S7 10,000 idle, 64 busy, 1 KiB", Load(), "idle", counts_calls=False),
    Scenario("S8 ab -c 100, a connection for each request", Load("/bytes/100", 100, keep_alive=False), "ab",
             counts_calls=False),
    Scenario("S8 ab -c 100 -k", Load("/bytes/100", 100), "ab", counts_calls=False),
    Scenario("S9", Load(), "change", counts_calls=False),
    Scenario("S10 1,000 pools of 10 backends, to the last", Load(fields=("Host: p999.example",)), "pools",
             counts_calls=False),
]
