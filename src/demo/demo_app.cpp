#include <sluice/base/text.h>
#include <sluice/demo/demo_app.h>
#include <sluice/net/listening_socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "demo/client.h"

namespace sluice::demo {
namespace {

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

Result<File> open_log(const std::string& path) {
  if (path.empty()) return File();
  File file(std::fopen(path.c_str(), "ae"));
  if (file == nullptr) return system_error(errno, concat({"cannot open ", path}));
  return file;
}

}  // namespace

struct DemoApp::Impl {
  Impl(net::Network& network, DemoAppOptions options, net::ListeningSocket the_socket, File the_log)
      : log(std::move(the_log)),
        shared{.executor = network.executor(),
               .options = std::move(options),
               .on_over = [this](Client& client) { end(client); },
               .log = log.get()},
        address(the_socket.address()),
        socket(std::move(the_socket)),
        linger([this] { stop(); }) {
    acceptor = network.accept(*socket, [this](std::unique_ptr<net::Transport> transport) {
      clients.push_back(std::make_unique<Client>(std::move(transport), shared));
    });
  }

  void shutdown(std::function<void()> callback) {
    shared.ping = Ping::draining;
    if (shared.phase != Shared::Phase::serving) return;
    shared.phase = Shared::Phase::lingering;
    on_done = std::move(callback);
    shared.executor.deadlines().arm(linger, std::max(Duration{1}, shared.options.linger));
  }

  void stop() {
    socket->refuse_new_connections();
    acceptor->accept_queue();  // Their clients count as connected.
    acceptor.reset();
    socket.reset();
    shared.phase = Shared::Phase::stopped;
    std::erase_if(clients, [](const auto& client) { return client->stop(); });
    finish_if_empty();
  }

  void end(Client& client) {
    const auto found =
        std::ranges::find_if(clients, [&](const auto& other) { return other.get() == &client; });
    const auto ended = std::move(*found);  // Destroyed last: it is calling us.
    clients.erase(found);
    finish_if_empty();
  }

  void finish_if_empty() {
    if (shared.phase != Shared::Phase::stopped || !clients.empty() || !on_done) return;
    shared.executor.post(std::exchange(on_done, nullptr));
  }

  File log;
  Shared shared;
  Address address;
  std::optional<net::ListeningSocket> socket;
  std::unique_ptr<net::Acceptor> acceptor;
  std::vector<std::unique_ptr<Client>> clients;
  Deadline linger;
  std::function<void()> on_done;
};

Result<std::unique_ptr<DemoApp>> DemoApp::start(net::Network& network, DemoAppOptions options) {
  auto socket = net::ListeningSocket::open(options.bind, net::Sharing::alone);
  if (!socket) return std::move(socket).error();
  auto log = open_log(options.log_path);
  if (!log) return std::move(log).error();
  auto impl = std::make_unique<Impl>(network, std::move(options), *std::move(socket), *std::move(log));
  return std::unique_ptr<DemoApp>(new DemoApp(std::move(impl)));
}

DemoApp::DemoApp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DemoApp::~DemoApp() = default;

const Address& DemoApp::address() const {
  return impl_->address;
}

void DemoApp::shutdown(std::function<void()> on_done) {
  impl_->shutdown(std::move(on_done));
}

}  // namespace sluice::demo
