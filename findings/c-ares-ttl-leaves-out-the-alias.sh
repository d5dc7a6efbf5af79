#!/bin/bash
# c-ares 1.18.1: the ttl of an address that ares_getaddrinfo() gives is that of the address record alone.
#
# A name is an alias (CNAME, lifetime 3 s) of another one, whose address record lives for 300 s: the usual arrangement for a
# name that is moved by changing the alias. One would expect `ai_ttl` to say how long the answer holds, which is 3 s. It
# is 300: who asks again when `ai_ttl` has passed follows a move five minutes late. The alias's lifetime is there, in the
# result's `cnames` list. What follows: take the least of both.
#
# Needs apt-get, dpkg, g++ and python3. Takes some 10 seconds; talks to a DNS server of its own on loopback. Exits with 1
# when the behaviour is another one.
set -eu
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
chmod 755 .
apt-get download -q libc-ares-dev=1.18.1-3 libc-ares2=1.18.1-3 >/dev/null 2>&1 ||
  { echo "cannot download the packages" >&2; exit 1; }
for package in *.deb; do dpkg -x "$package" package; done
library=$(dirname "$(find package -name 'libcares.so.2' | head -n 1)")

cat >server.py <<'EOF'
# Answers every question for shop.test with: shop.test CNAME blue.test (3 s), blue.test A 192.0.2.1 (300 s).
import socket, struct
def name(text): return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"
def record(owner, kind, ttl, data): return name(owner) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    query, client = server.recvfrom(512)
    end = query.index(b"\0", 12) + 5
    answers = record("shop.test", 5, 3, name("blue.test")) + record("blue.test", 1, 300, bytes([192, 0, 2, 1]))
    server.sendto(query[:2] + struct.pack(">HHHHH", 0x8580, 1, 2, 0, 0) + query[12:end] + answers, client)
EOF
cat >ask.cpp <<'EOF'
#include <ares.h>
#include <netinet/in.h>
#include <sys/select.h>
#include <cstdio>
static void on_answer(void* over, int status, int, ares_addrinfo* answer) {
  *static_cast<bool*>(over) = true;
  if (status != ARES_SUCCESS) { std::printf("failed: %s\n", ares_strerror(status)); return; }
  for (auto* node = answer->nodes; node != nullptr; node = node->ai_next) std::printf("address ttl %d\n", node->ai_ttl);
  for (auto* alias = answer->cnames; alias != nullptr; alias = alias->next) {
    std::printf("alias %s of %s ttl %d\n", alias->alias, alias->name, alias->ttl);
  }
  ares_freeaddrinfo(answer);
}
int main(int, char** argv) {
  ares_library_init(ARES_LIB_INIT_ALL);
  ares_channel channel;
  char lookups[] = "b";  // no hosts file
  ares_options options{};
  options.lookups = lookups;
  options.timeout = 2000;
  options.tries = 2;
  if (ares_init_options(&channel, &options, ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS) return 1;
  ares_set_servers_ports_csv(channel, argv[1]);
  std::printf("c-ares %s\n", ares_version(nullptr));
  bool over = false;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_INET;
  ares_getaddrinfo(channel, "shop.test", nullptr, &hints, on_answer, &over);
  while (!over) {
    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    const int count = ares_fds(channel, &reads, &writes);
    timeval bound{1, 0};
    select(count, &reads, &writes, nullptr, &bound);
    ares_process(channel, &reads, &writes);
  }
  ares_destroy(channel);
}
EOF
timeout 120 g++ -std=c++17 -isystem package/usr/include -o ask ask.cpp "$library/libcares.so.2"
python3 server.py >port &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
LD_LIBRARY_PATH=$library timeout 20 ./ask "127.0.0.1:$(cat port)" | tee out
grep -qx "c-ares 1.18.1" out
grep -qx "address ttl 300" out
grep -qx "alias shop.test of blue.test ttl 3" out
# Seen:
#   c-ares 1.18.1
#   address ttl 300
#   alias shop.test of blue.test ttl 3
