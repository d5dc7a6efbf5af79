// Every input of the corpus through its target: what fuzzing once found stays found.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "targets.h"

#include <doctest/doctest.h>

namespace sluice::fuzz {
namespace {

size_t replay(const std::string& name, void (*target)(std::string_view)) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SLUICE_CORPUS) + "/" + name)) {
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    CAPTURE(entry.path().string());
    // Every beginning of it, too.
    const std::string whole = bytes.str();
    for (size_t size = 0; size <= whole.size(); ++size) target(std::string_view(whole).substr(0, size));
    ++count;
  }
  return count;
}

TEST_CASE("the corpus of each fuzz target holds what must hold") {
  CHECK(replay("request_head", request_head) > 0);
  CHECK(replay("response_head", response_head) > 0);
  CHECK(replay("chunked", chunked) > 0);
  CHECK(replay("config", config) > 0);
  CHECK(replay("proxy_header", proxy_header) > 0);
  CHECK(replay("admin_line", admin_line) > 0);
  CHECK(replay("state_file", state_file) > 0);
}

}  // namespace
}  // namespace sluice::fuzz
