// What the tests of this folder share: files, a directory.
#pragma once

#include <sluice/desired/desired_state.h>

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/remembering_log.h"

#include <doctest/doctest.h>

namespace sluice::desired {

inline Address at(int port) {
  return *Address::parse("127.0.0.1:" + std::to_string(port));
}

inline config::Config file_with(const std::vector<int>& ports) {
  auto pool = std::make_shared<config::Pool>();
  pool->name = "shop";
  for (const int port : ports) pool->backends.push_back({.address = at(port)});
  config::Config config;
  config.pools["shop"] = pool;
  return config;
}

/// "9001 9002*2 9003-": ports, weights other than 1, and - for a drained one.
inline std::string backends(const DesiredState& state) {
  std::string text;
  const auto effective = state.effective();
  for (const auto& backend : effective.pools.at("shop")->backends) {
    if (!text.empty()) text += ' ';
    text += std::to_string(backend.address.port());
    if (backend.weight != 1) text += "*" + std::to_string(backend.weight);
    if (backend.drain) text += "-";
  }
  return text;
}

inline BackendEdit edit(BackendEdit::Verb verb, int port) {
  return {.verb = verb, .key = {"shop", at(port)}};
}

/// While it lives a file cannot grow beyond so many bytes: a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit full{bytes, limit_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*before_)(int);
  rlimit limit_{};
};

/// A directory of its own, removed with everything in it.
class TempDir {
 public:
  TempDir() {
    std::string path = std::filesystem::temp_directory_path() / "sluice-unit-XXXXXX";
    REQUIRE(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string path(const std::string& name = "") const { return path_ / name; }
  /// The names in it.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      all.push_back(entry.path().filename());
    return all;
  }

 private:
  std::filesystem::path path_;
};

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

inline std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace sluice::desired
