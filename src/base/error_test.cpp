#include <sluice/base/error.h>

#include <cerrno>
#include <set>
#include <string>

#include <doctest/doctest.h>

namespace sluice {
namespace {

constexpr ErrorCode kLast = ErrorCode::unavailable;

TEST_CASE("every code has a word of its own, and the word leads back to it") {
  std::set<std::string> words;
  for (int i = 0; i <= static_cast<int>(kLast); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    CHECK(words.insert(std::string(name(code))).second);
    CHECK(error_code(name(code)) == code);
  }
  CHECK(error_code("no such word") == ErrorCode::failed);
  CHECK(error_code("") == ErrorCode::failed);
}

TEST_CASE("the exit codes are the ones that the command line promises") {
  CHECK(exit_code(ErrorCode::failed) == 1);
  CHECK(exit_code(ErrorCode::usage) == 2);
  CHECK(exit_code(ErrorCode::invalid_config) == 3);
  CHECK(exit_code(ErrorCode::timed_out) == 4);
  CHECK(exit_code(ErrorCode::conflict) == 5);
  CHECK(exit_code(ErrorCode::never_healthy) == 6);
  CHECK(exit_code(ErrorCode::rolled_back) == 7);
  CHECK(exit_code(ErrorCode::not_found) == 8);
  CHECK(exit_code(ErrorCode::denied) == 9);
  CHECK(exit_code(ErrorCode::unreachable) == 69);
  CHECK(exit_code(ErrorCode::moved) == 5);
}

TEST_CASE("no error exits as success") {
  for (int i = 0; i <= static_cast<int>(kLast); ++i) CHECK(exit_code(static_cast<ErrorCode>(i)) != 0);
}

TEST_CASE("an error of the system says what failed and why, with the code that decides about a retry") {
  const Error refused = system_error(ECONNREFUSED, "connect");
  CHECK(refused.code == ErrorCode::refused);
  CHECK(refused.message == "connect: Connection refused");
  CHECK(system_error(ECONNRESET, "read").code == ErrorCode::reset);
  CHECK(system_error(EPIPE, "write").code == ErrorCode::reset);
  CHECK(system_error(ETIMEDOUT, "connect").code == ErrorCode::timed_out);
  CHECK(system_error(EACCES, "bind").code == ErrorCode::denied);
  CHECK(system_error(EADDRINUSE, "bind").code == ErrorCode::conflict);
  CHECK(system_error(ENOSPC, "write").code == ErrorCode::failed);
}

}  // namespace
}  // namespace sluice
