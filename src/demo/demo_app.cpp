#include <sluice/base/text.h>
#include <sluice/demo/demo_app.h>
#include <sluice/net/acceptor.h>
#include <sluice/net/listening_socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "demo/client.h"

namespace sluice::demo {

struct DemoApp::Impl {
  Impl(net::Loop& loop, DemoAppOptions options, net::ListeningSocket the_socket)
      : shared{.loop = loop, .options = std::move(options)},
        socket(std::move(the_socket)),
        acceptor(std::make_unique<net::Acceptor>(
            loop, socket,
            [this](std::unique_ptr<net::Transport> transport) { accept(std::move(transport)); })),
        linger([this] { stop_accepting(); }) {}

  ~Impl() {
    clients.clear();
    if (shared.log != nullptr) std::fclose(shared.log);
  }

  void accept(std::unique_ptr<net::Transport> transport) {
    clients.push_back(
        std::make_unique<Client>(std::move(transport), shared, [this](Client& client) { end(client); }));
  }

  void end(Client& client) {
    const auto found =
        std::ranges::find_if(clients, [&](const auto& other) { return other.get() == &client; });
    const auto ended = std::move(*found);  // Destroyed last: it is calling us.
    clients.erase(found);
    if (clients.empty() && on_done) shared.loop.post(std::exchange(on_done, nullptr));
  }

  void shutdown(std::function<void()> callback) {
    shared.ping = Ping::draining;
    if (std::exchange(stopping, true)) return;
    done = std::move(callback);
    shared.loop.deadlines().arm(linger, std::max(Duration{1}, shared.options.linger));
  }

  void stop_accepting() {
    socket.refuse_new_connections();
    acceptor->accept_queue();
    acceptor.reset();
    shared.closing = true;
    std::erase_if(clients, [](const auto& client) { return client->is_idle(); });
    on_done = std::move(done);
    if (clients.empty()) shared.loop.post(std::exchange(on_done, nullptr));
  }

  Shared shared;
  net::ListeningSocket socket;
  std::unique_ptr<net::Acceptor> acceptor;
  std::vector<std::unique_ptr<Client>> clients;
  Deadline linger;
  std::function<void()> done;
  std::function<void()> on_done;
  bool stopping = false;
};

Result<std::unique_ptr<DemoApp>> DemoApp::start(net::Loop& loop, DemoAppOptions options) {
  auto socket = net::ListeningSocket::open(options.bind, net::Sharing::alone);
  if (!socket) return std::move(socket).error();
  FILE* log = nullptr;
  if (!options.log_path.empty()) {
    log = std::fopen(options.log_path.c_str(), "ae");
    if (log == nullptr) return system_error(errno, concat({"cannot open ", options.log_path}));
  }
  auto impl = std::make_unique<Impl>(loop, std::move(options), *std::move(socket));
  impl->shared.log = log;
  return std::unique_ptr<DemoApp>(new DemoApp(std::move(impl)));
}

DemoApp::DemoApp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DemoApp::~DemoApp() = default;

const Address& DemoApp::address() const {
  return impl_->socket.address();
}

void DemoApp::shutdown(std::function<void()> on_done) {
  impl_->shutdown(std::move(on_done));
}

}  // namespace sluice::demo
