#include "probation.h"

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "reserved_port.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string nobody() {
  return "127.0.0.1:" + std::to_string(reserve_port());
}

}  // namespace

OnProbation::OnProbation(const std::string& probation, const std::string& the_more)
    : more(the_more), proxy(Proxy::pool({&app}) + more, Proxy::StateFile::kept), successors(proxy) {
  proxy.add_to_server_table("probation = " + probation);
  write_good();
  REQUIRE(proxy.wait_for_healthy(1 + (more.find("[pool.") != std::string::npos ? 1 : 0)));
  port = proxy.port();
}

void OnProbation::write_good() const {
  proxy.write_config(Proxy::pool({&app}) + more);
}

void OnProbation::write_bad() const {
  proxy.write_config("[pool.shop]\nbackends = [\"" + nobody() + "\"]\nhealth = false\nqueue = { max = 0 }\n" +
                     more);
}

void OnProbation::set_takeover_timeout(const std::string& duration) {
  proxy.add_to_server_table("takeover_timeout = \"" + duration + "\"");
  write_good();
  REQUIRE(proxy.admin("reload").exit_code == 0);
}

pid_t OnProbation::upgrade() const {
  const auto done = proxy.admin("upgrade");
  REQUIRE_MESSAGE(done.exit_code == 0, done.output);
  return pid_of(proxy);
}

bool OnProbation::is_back() const {
  return eventually([&] {
    const auto status = proxy.admin("status --json");
    const auto reply = json::Value::parse(status.output).value_or(nullptr);
    return status.exit_code == 0 && reply["pid"] == old_one();
  });
}

bool OnProbation::is_balanced() const {
  return eventually([&] {
    const auto reply = proxy.json("dispositions");
    return reply["balanced"] == true && reply.contains("total");
  });
}

void freeze(pid_t process) {
  ::kill(process, SIGSTOP);
  const std::string threads = "/proc/" + std::to_string(process) + "/task";
  REQUIRE(eventually([&] {
    for (const auto& thread : std::filesystem::directory_iterator(threads)) {
      if (read_file(thread.path() / "stat").find(") T ") == std::string::npos) return false;
    }
    return true;
  }));
}

KeptConnections::KeptConnections(int port, size_t count) {
  for (size_t i = 0; i < count; ++i) threads_.emplace_back([this, port] { loop(port); });
}

void KeptConnections::stop() {
  stopping_ = true;
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void KeptConnections::loop(int port) {
  RawClient client(port);
  while (!stopping_) {
    const auto response = client.get("/hello");
    if (!response.error.empty() || says_close(response)) {
      ++lost_;
      return;
    }
    ++(response.ok() ? good_ : bad_);
  }
}

bool KeptConnections::all_good_for(uint64_t answers) const {
  const uint64_t good_before = good_;
  const uint64_t bad_before = bad_;
  return eventually([&] { return good_ >= good_before + answers; }, 20s) && bad_ == bad_before;
}

}  // namespace sluice::e2e
