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
  check_reads(kSignature + "\x20\xff\0\3abc"s, "none ");
  check_reads(kSignature + "\x21\0\0\3abc"s, "none ");
  check_reads(kSignature + "\x21\x10\0\0"s, "none ");
  check_reads(kSignature + "\x21\x12\0\x0c"s + std::string(12, 'x'), "none ");
  check_reads(kSignature + "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"s + std::string(15, '\0') +
                  "\1\xff\xff\0\0"s,
              "[2001:db8::1]:65535 [::1]:0 ");
  check_reads(kSignature + "\x21\x31\0\xd8"s + std::string(216, 'x'), "none ");
}

/// Refused once the last byte of `bad` is there, and not before; and then whatever follows.
void check_refused_at_the_end(const std::string& bad) {
  CAPTURE(bad);
  for (size_t size = 0; size < bad.size(); ++size)
    CHECK(read(std::string_view(bad).substr(0, size)) == "more");
  CHECK(read(bad) == "error");
  CHECK(read(bad + "\r\n\r\n") == "error");
}

TEST_CASE("what begins like no header is refused at the first byte that says so") {
  for (const std::string& bad :
       {"G"s, "\n"s, "p"s, "\rG"s, "PROXY\r"s, "PROXYX"s, "PROXY  "s, "PROXY t"s, "PROXY TCP5"s,
        "PROXY TCP44"s, "PROXY UNKNOWNX"s, "PROXY UNKNOWN\n"s, "PROXY UNKNOWN x\n"s, "PROXY UNKNOWN\rx"s,
        "PROXY TCP4 1.1.1.1\rx"s, "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n"s, kSignature.substr(0, 11) + "x"}) {
    check_refused_at_the_end(bad);
  }
  for (const std::string& rest :
       {"\x11"s, "\x22"s, "\x2f"s, "\x01"s, "\x30"s, "\x21\x41"s, "\x21\xff"s, "\x21\x13"s}) {
    check_refused_at_the_end(kSignature + rest);
  }
}

TEST_CASE("a line that is not to the letter is refused once it is whole") {
  for (const std::string& line : {"TCP4 "s,
                                  "TCP4 1.1.1.1 1.1.1.1 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 1 1 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 1 1 "s,
                                  "TCP4  1.1.1.1 1.1.1.1 1 1"s,
                                  "TCP4 1.1.1.1  1.1.1.1 1 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 1  1"s,
                                  "TCP4 \t1.1.1.1 1.1.1.1 1 1"s,
                                  "TCP4 1.1.1.1\t1.1.1.1 1 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 01 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 1 00"s,
                                  "TCP4 1.1.1.1 1.1.1.1 65536 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 1 65536"s,
                                  "TCP4 1.1.1.1 1.1.1.1 +1 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 -1 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 0x1 1"s,
                                  "TCP4 1.1.1.1 1.1.1.1 1 1x"s,
                                  "TCP4 1.1.1.1 1.1.1.1 1 1\0"s,
                                  "TCP4 ::1 ::1 1 1"s,
                                  "TCP4 1.1.1.1 ::1 1 1"s,
                                  "TCP6 1.1.1.1 1.1.1.1 1 1"s,
                                  "TCP6 ::1 1.1.1.1 1 1"s,
                                  "TCP6 [::1] [::1] 1 1"s,
                                  "TCP6 ::1%lo ::1 1 1"s,
                                  "TCP6 ::1::1 ::1 1 1"s,
                                  "TCP4 1.1.1 1.1.1.1 1 1"s,
                                  "TCP4 01.1.1.1 1.1.1.1 1 1"s,
                                  "TCP4 1.1.1.256 1.1.1.1 1 1"s,
                                  "TCP4 1.1.1.1:1 1.1.1.1 1 1"s,
                                  "TCP4 unix:/x 1.1.1.1 1 1"s,
                                  "TCP4 [::1] 1.1.1.1 1 1"s,
                                  "TCP4 1.1.1.1\0 1.1.1.1 1 1"s,
                                  "TCP4 host 1.1.1.1 1 1"s}) {
    check_refused_at_the_end("PROXY " + line + "\r\n");
  }
}

TEST_CASE("a line may have 107 bytes, and no more") {
  check_reads("PROXY UNKNOWN " + std::string(107 - 16, 'x') + "\r\n", "none ");
  check_refused_at_the_end("PROXY UNKNOWN " + std::string(108 - 16, 'x') + "\r");
  check_refused_at_the_end("PROXY UNKNOWN " + std::string(107 - 14, 'x'));
  const std::string longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const std::string line = "PROXY TCP6 " + longest + " " + longest + " 65535 65535\r\n";
  CHECK(line.size() == 104);
  check_reads(line, "[" + longest + "]:65535 [" + longest + "]:65535 ");
}

TEST_CASE("a binary header has room for its addresses and at most 4096 bytes") {
  for (const std::string& rest : {"\x21\x11\0\x0b"s, "\x21\x12\0\x0b"s, "\x21\x21\0\x23"s, "\x21\x31\0\xd7"s,
                                  "\x21\x11\x0f\xf1"s, "\x20\0\x0f\xf1"s, "\x21\x11\xff\xff"s}) {
    check_refused_at_the_end(kSignature + rest);
  }
  check_reads(kSignature + "\x21\0\x0f\xf0"s + std::string(4096 - 16, 'x'), "none ");
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
  CHECK(proxy_header_v1(v4, v6) == "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1000 7\r\n");
  for (const auto& header : {proxy_header_v1(v4, v6), proxy_header_v2(v4, v6)}) {
    CHECK(read(header) == "[::ffff:192.0.2.1]:1000 [2001:db8::1]:7 " + std::to_string(header.size()));
  }
  const auto local = Address::local("/x");
  for (const auto& header : {proxy_header_v1(v4, local), proxy_header_v2(local, v4)}) {
    CHECK(read(header) == "none " + std::to_string(header.size()));
  }
}

TEST_CASE("what is written is, to the byte, what the specification says") {
  const auto source = *Address::parse("192.0.2.1:1000");
  CHECK(proxy_header_v2(source, *Address::parse("192.0.2.2:80")) ==
        kSignature + "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x50"s);
  CHECK(proxy_header_v2(source, Address::local("/x")) == kSignature + "\x20\0\0\0"s);
  CHECK(proxy_header_v1(source, Address::local("/x")) == "PROXY UNKNOWN\r\n");
}

}  // namespace
}  // namespace sluice::http
