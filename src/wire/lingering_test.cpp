// How many connections linger at a time.
#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own
#include <sluice/wire/lingering.h>

#include <memory>
#include <string>
#include <utility>

#include <doctest/doctest.h>

namespace sluice::wire {
namespace {

TEST_CASE("connections that linger are bounded: beyond that the oldest is reset") {
  struct Connection final : Lingering::Connection {
    Connection(std::string the_name, std::string& the_log) : name(std::move(the_name)), log(the_log) {}
    ~Connection() override { log += name + (is_reset ? " reset " : " closed "); }
    void reset_on_close() override { is_reset = true; }
    const std::string name;
    std::string& log;
    bool is_reset = false;
  };
  std::string log;
  Lingering lingering;
  const auto add = [&](const std::string& name) {
    auto made = std::make_unique<Connection>(name, log);
    Connection& connection = *made;
    lingering.add(std::move(made));
    return &connection;
  };
  add("first");
  Connection* const second = add("second");
  for (size_t i = 2; i < Lingering::kMost; ++i) add(std::to_string(i));
  CHECK(log == "");
  add("last");
  CHECK(log == "first reset ");
  lingering.remove(*second);
  CHECK(log == "first reset second closed ");
  add("another");
  CHECK(log == "first reset second closed ");
}

}  // namespace
}  // namespace sluice::wire
