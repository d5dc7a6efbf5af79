#include "fixtures.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "reserved_port.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string binary(const char* variable, const char* built) {
  const char* given = std::getenv(variable);
  return given != nullptr ? given : built;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> result;
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

/// Zero when there is none. By hand: std::regex is not for several threads at a time.
uint64_t number_after(const std::string& text, std::string_view label) {
  const size_t found = text.find(label);
  return found == std::string::npos ? 0 : std::strtoull(text.c_str() + found + label.size(), nullptr, 10);
}

}  // namespace

std::string sluice_binary() {
  return binary("SLUICE_BINARY", SLUICE_BINARY);
}

// ---- DemoApp

DemoApp::DemoApp(Options options)
    : options_(std::move(options)), port_(options_.port != 0 ? options_.port : reserve_port()) {
  start();
}

void DemoApp::start() {
  std::vector<std::string> arguments = {binary("DEMO_APP_BINARY", DEMO_APP_BINARY),
                                        "--bind",
                                        options_.host + ":" + std::to_string(port_),
                                        "--delay",
                                        options_.delay,
                                        "--linger",
                                        options_.linger,
                                        "--idle",
                                        options_.idle,
                                        "--version",
                                        options_.version};
  if (options_.log) {
    arguments.insert(arguments.end(), {"--log", directory_.path("log")});
  }
  const std::string output = directory_.path("output");
  write_file(output, "");
  process_ = std::make_unique<Child>(arguments, output);
  const std::string announcement = "listening on ";
  if (!eventually([&] { return process_->output().find('\n') != std::string::npos; })) {
    throw std::runtime_error("the demo application did not start: " + process_->output());
  }
  const std::string text = process_->output();
  if (!text.starts_with(announcement)) throw std::runtime_error("the demo application said: " + text);
  address_ = text.substr(announcement.size(), text.find('\n') - announcement.size());
  port_ = std::stoi(address_.substr(address_.rfind(':') + 1));
}

void DemoApp::kill() {
  process_->send_signal(SIGKILL);
  process_->wait();
}

void DemoApp::terminate() {
  process_->send_signal(SIGTERM);
  if (!process_->wait()) throw std::runtime_error("the demo application did not end");
}

void DemoApp::restart() {
  start();
}

void DemoApp::set_ping(const std::string& what) const {
  const auto done = run({"curl", "-fsS", "http://" + address_ + "/control/ping/" + what});
  if (done.exit_code != 0) throw std::runtime_error("set_ping: " + done.output);
}

size_t DemoApp::log_bytes() const {
  return std::filesystem::file_size(directory_.path("log"));
}

std::vector<std::string> DemoApp::log(size_t from) const {
  std::ifstream in(directory_.path("log"));
  in.seekg(static_cast<std::streamoff>(from));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// ---- Proxy

Proxy::Proxy(const std::string& toml, int workers) : Proxy(toml, StateFile::none, workers) {}

Proxy::Proxy(const std::string& toml, StateFile state_file, int workers) {
  server_ = "[server]\nadmin_socket = \"" + socket_path() + "\"\nworkers = " + std::to_string(workers) +
            "\ndrain_timeout = \"20s\"\n";
  if (state_file == StateFile::kept) {
    std::filesystem::create_directory(state_directory());
    server_ += "state_file = \"" + state_path() + "\"\n";
  }
  server_ += "\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\n\n";
  write_config(toml);
  restart();
}

void Proxy::kill() {
  process_->send_signal(SIGKILL);
  process_->wait();
}

void Proxy::launch() {
  process_ = std::make_unique<Child>(std::vector<std::string>{sluice_binary(), "run", "-c", config_path()},
                                     directory_.path("log"));
}

void Proxy::restart() {
  launch();
  const bool answers =
      eventually([this] { return !process_->is_running() || admin("status").exit_code == 0; });
  if (!answers || !process_->is_running()) throw std::runtime_error("the proxy did not start: " + log());
}

Proxy::~Proxy() {
  const std::string said = log();
  for (const char* alarm : {"CHECK failed", "ThreadSanitizer", "AddressSanitizer", "runtime error"}) {
    if (said.find(alarm) != std::string::npos) FAIL_CHECK(said);
  }
}

std::string Proxy::pool(const std::vector<const DemoApp*>& backends, const std::string& more) {
  std::string list;
  for (const DemoApp* app : backends) list += (list.empty() ? "\"" : ", \"") + app->address() + "\"";
  const std::string health = "health = { interval = \"100ms\", timeout = \"1s\" }\n";
  return "[pool.shop]\nbackends = [" + list + "]\n" +
         (more.find("health") == std::string::npos ? health : "") + more;
}

void Proxy::set_in_server_table(const std::string& key, const std::string& value) {
  const size_t at = server_.find("\n" + key + " = ");
  if (at != std::string::npos) server_.erase(at, server_.find('\n', at + 1) - at);
  add_to_server_table(key + " = " + value);
}

void Proxy::write_config(const std::string& toml) const {
  write_file(config_path(), server_ + toml);
}

json::Value parsed(const std::string& text) {
  return json::Value::parse(text).value_or(nullptr);
}

Finished Proxy::admin(const std::string& command) const {
  std::vector<std::string> arguments = {sluice_binary(), "-s", socket_path()};
  for (auto& word : words(command)) arguments.push_back(std::move(word));
  return run(arguments);
}

json::Value Proxy::json(const std::string& command) const {
  const auto reply = admin(command + " --json");
  auto value = json::Value::parse(reply.output);
  if (!value) throw std::runtime_error(command + " said: " + reply.output);
  return *std::move(value);
}

std::string Proxy::address(const std::string& listener) const {
  const auto status = json("status");
  for (const auto& entry : status["listeners"]) {
    if (listener.empty() || entry["name"] == listener) return entry["address"].get<std::string>();
  }
  throw std::runtime_error("no listener " + listener);
}

int Proxy::port() const {
  const std::string text = address();
  return std::stoi(text.substr(text.rfind(':') + 1));
}

uint64_t Proxy::requests_ok() const {
  return json("status")["requests"]["ok"].get<uint64_t>();
}

bool Proxy::wait_for_healthy(size_t backends) const {
  return eventually([&] {
    size_t healthy = 0;
    const auto status = json("status");
    for (const auto& pool : status["pools"]) healthy += pool["healthy"].get<size_t>();
    return healthy == backends;
  });
}

std::string Proxy::state_of(const DemoApp& app) const {
  const auto list = json("backend list");
  for (const auto& backend : list["backends"]) {
    if (backend["address"] == app.address()) return backend["state"].get<std::string>();
  }
  return "gone";
}

// ---- load

AbResult run_ab(const std::string& options, const std::string& url) {
  std::vector<std::string> arguments = {"ab", "-q"};
  for (auto& word : words(options)) arguments.push_back(std::move(word));
  arguments.push_back(url);
  const auto done = run(arguments, 180s);
  return {.exit_code = done.exit_code,
          .complete = number_after(done.output, "Complete requests:"),
          .failed = number_after(done.output, "Failed requests:"),
          .not_2xx = number_after(done.output, "Non-2xx responses:"),
          .output = done.output};
}

WrkResult run_wrk(const std::string& options, const std::string& url) {
  // Slow is no failure: what counts is that answers come.
  std::vector<std::string> arguments = {"wrk", "--timeout", "15s"};
  for (auto& word : words(options)) arguments.push_back(std::move(word));
  arguments.push_back(url);
  const auto done = run(arguments, 180s);
  WrkResult result{.exit_code = done.exit_code, .output = done.output};
  if (const size_t end = done.output.find(" requests in"); end != std::string::npos) {
    result.requests = number_after(done.output.substr(done.output.rfind('\n', end) + 1), "");
  }
  if (const size_t errors = done.output.find("Socket errors:"); errors != std::string::npos) {
    const std::string line = done.output.substr(errors);
    for (const auto* kind : {"connect ", "read ", "write ", "timeout "}) {
      result.errors += number_after(line, kind);
    }
  }
  result.not_2xx = number_after(done.output, "Non-2xx or 3xx responses:");
  return result;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

uint64_t generation(const Proxy& proxy) {
  return proxy.json("status")["generation"].get<uint64_t>();
}

json::Value backend(const Proxy& proxy, size_t index) {
  return proxy.json("backend list")["backends"][index];
}

bool becomes(const Proxy& proxy, size_t index, const std::string& state) {
  return eventually([&] { return backend(proxy, index)["state"] == state; });
}

}  // namespace sluice::e2e
