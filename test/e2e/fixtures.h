// The things that end-to-end tests speak of: the real proxy, real backends, real clients.
#pragma once

#include <sluice/json/value.h>

#include <memory>
#include <string>
#include <vector>

#include "process.h"

namespace sluice::e2e {

bool has(const std::string& text, const std::string& part);
/// Null when it is not JSON.
json::Value parsed(const std::string& text);

/// The demo application as a process, on a port of the kernel's choice that it keeps over restarts.
class DemoApp {
 public:
  struct Options {
    std::string delay = "0s";
    std::string linger = "100ms";
    std::string idle = "10s";
    std::string version = "v1";
    bool log = false;
    std::string host = "127.0.0.1";
    int port = 0;
  };
  DemoApp() : DemoApp(Options{}) {}
  explicit DemoApp(Options options);

  const std::string& address() const { return address_; }
  int port() const { return port_; }
  Child& process() const { return *process_; }
  /// SIGKILL, and gone.
  void kill();
  /// SIGTERM, and gone once it has finished what it had.
  void terminate();
  /// Again on the same port.
  void restart();
  /// What /ping does from now on: ok, draining, fail or hang.
  void set_ping(const std::string& what) const;
  /// The lines of its request log, from this many bytes on.
  std::vector<std::string> log(size_t from = 0) const;
  size_t log_bytes() const;

 private:
  void start();

  TempDir directory_;
  Options options_;
  int port_ = 0;
  std::string address_;
  std::unique_ptr<Child> process_;
};

/// The real `sluice run` on a configuration of its own.
class Proxy {
 public:
  /// `pools` is the TOML behind the [server] table and the first listener.
  explicit Proxy(const std::string& toml, int workers = 2);
  /// With a state file, in a directory of its own.
  enum class StateFile { none, kept };
  Proxy(const std::string& toml, StateFile state_file, int workers = 2);
  /// Fails the test when a CHECK or a sanitizer had something to say.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  /// [pool.shop] over these, with quick health checks.
  static std::string pool(const std::vector<const DemoApp*>& backends, const std::string& more = "");

  /// Of the first listener, or of the one with this name.
  std::string address(const std::string& listener = "") const;
  std::string url(const std::string& path) const { return "http://" + address() + path; }
  int port() const;
  Child& process() const { return *process_; }
  std::string config_path() const { return directory_.path("sluice.toml"); }
  std::string state_directory() const { return directory_.path("state"); }
  std::string state_path() const { return state_directory() + "/state.json"; }
  std::string socket_path() const { return directory_.path("admin.sock"); }

  /// Runs `sluice COMMAND...` against it.
  Finished admin(const std::string& command) const;
  json::Value json(const std::string& command) const;
  /// SIGKILL, and gone.
  void kill();
  /// Again, and answering; throws when it does not start.
  void restart();
  /// Again, without waiting for anything.
  void launch();
  /// Another line in the [server] table, from the next write_config() on.
  void add_to_server_table(const std::string& line) { server_.insert(server_.find('\n') + 1, line + "\n"); }
  /// Another value of one of its keys, from the next write_config() on.
  void set_in_server_table(const std::string& key, const std::string& value);
  /// Puts another configuration into the file (the [server] table stays).
  void write_config(const std::string& toml) const;
  /// ok of the request counts.
  uint64_t requests_ok() const;
  bool wait_for_healthy(size_t backends) const;
  /// The state of a backend as `backend list` has it; "gone" when it is not in the list.
  std::string state_of(const DemoApp& app) const;
  std::string log() const { return process_->output(); }

 private:
  TempDir directory_;
  std::string server_;
  std::unique_ptr<Child> process_;
};

std::string sluice_binary();

/// Of a pool whose backend is not there, for tests of commands alone.
inline const std::string kPool = "[pool.shop]\nbackends = [\"127.0.0.1:1\"]\nhealth = false\n";

/// The number of the newest generation.
uint64_t generation(const Proxy& proxy);
/// As `backend list` has it, by its place in there.
json::Value backend(const Proxy& proxy, size_t index);
bool becomes(const Proxy& proxy, size_t index, const std::string& state);

struct AbResult {
  int exit_code = -1;
  uint64_t complete = 0;
  uint64_t failed = 0;
  uint64_t not_2xx = 0;
  std::string output;
};
AbResult run_ab(const std::string& options, const std::string& url);

struct WrkResult {
  int exit_code = -1;
  uint64_t requests = 0;
  uint64_t errors = 0;  ///< socket errors: connect, read, write and timeout
  uint64_t not_2xx = 0;
  std::string output;
};
WrkResult run_wrk(const std::string& options, const std::string& url);

}  // namespace sluice::e2e
