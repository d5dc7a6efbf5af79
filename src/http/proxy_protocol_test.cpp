// PROXY protocol headers: read, written, and refused as soon as they can become none.
#include <sluice/http/proxy_protocol.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

/// "source destination length", "none length", "more" or "error".
std::string read(std::string_view bytes) {
  const auto result = read_proxy_header(bytes);
  if (!result) return "error";
  if (!*result) return "more";
  const auto& [header, length] = **result;
  if (!header.source) return "none " + std::to_string(length);
  return header.source->text() + " " + header.destination->text() + " " + std::to_string(length);
}

void check_reads(const std::string& header, const std::string& what) {
  for (size_t size = 0; size < header.size(); ++size) {
    CAPTURE(size);
    CHECK(read(std::string_view(header).substr(0, size)) == "more");
  }
  CHECK(read(header) == what + std::to_string(header.size()));
  CHECK(read(header + "GET / HTTP/1.1\r\n") == what + std::to_string(header.size()));
}

TEST_CASE("a header of version 1 is read once its line is whole") {
  check_reads("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n", "192.0.2.1:1000 192.0.2.2:80 ");
  check_reads("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", "[2001:db8::1]:65535 [::1]:0 ");
  check_reads("PROXY UNKNOWN\r\n", "none ");
  check_reads("PROXY UNKNOWN ffff:f 1 2\r\n", "none ");
}

TEST_CASE("a header of version 2 is read once it is whole, what it carries beyond addresses left out") {
  check_reads(kSignature + "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x50"s, "192.0.2.1:1000 192.0.2.2:80 ");
  check_reads(kSignature + "\x21\x11\0\x0f\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x50\4\0\0"s,
              "192.0.2.1:1000 192.0.2.2:80 ");
  check_reads(kSignature + "\x20\0\0\0"s, "none ");
  check_reads(kSignature + "\x20\x11\0\3abc"s, "none ");
  check_reads(kSignature + "\x21\x31\0\xd8"s + std::string(216, 'x'), "none ");
}

TEST_CASE("what is no header is refused at the first byte that says so") {
  for (const std::string& bad : {"G"s,
                                 "PROXYX"s,
                                 "PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n"s,
                                 "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n"s,
                                 "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n"s,
                                 "PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n"s,
                                 "PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n"s,
                                 "PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n"s,
                                 "PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n"s,
                                 "PROXY TCP4 ::1 ::1 1 1\r\n"s,
                                 "PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n"s,
                                 "PROXY TCP4 1.1.1 1.1.1.1 1 1\r\n"s,
                                 "PROXY TCP4 x\rx"s,
                                 "PROXY UNKNOWN" + std::string(100, 'x'),
                                 kSignature.substr(0, 11) + "x",
                                 kSignature + "\x11",
                                 kSignature + "\x22",
                                 kSignature + "\x21\x11\0\x0b"s,
                                 kSignature + "\x21\x21\0\x23"s,
                                 kSignature + "\x21\x41\0\x0c"s,
                                 kSignature + "\x21\x13\0\x0c"s,
                                 kSignature + "\x21\x11\xff\xff"s}) {
    CAPTURE(bad);
    CHECK(read(bad) == "error");
  }
}

TEST_CASE("what is written is read back") {
  const auto v4 = *Address::parse("192.0.2.1:1000");
  const auto v4_too = *Address::parse("198.51.100.2:443");
  const auto v6 = *Address::parse("[2001:db8::1]:7");
  CHECK(proxy_header_v1(v4, v4_too) == "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n");
  for (const auto& header : {proxy_header_v1(v4, v4_too), proxy_header_v2(v4, v4_too)}) {
    CHECK(read(header) == "192.0.2.1:1000 198.51.100.2:443 " + std::to_string(header.size()));
  }
  for (const auto& header : {proxy_header_v1(v6, v6), proxy_header_v2(v6, v6)}) {
    CHECK(read(header) == "[2001:db8::1]:7 [2001:db8::1]:7 " + std::to_string(header.size()));
  }
  for (const auto& header : {proxy_header_v1(v4, v6), proxy_header_v2(Address::local("/x"), v4)}) {
    CHECK(read(header) == "none " + std::to_string(header.size()));
  }
}

}  // namespace
}  // namespace sluice::http
