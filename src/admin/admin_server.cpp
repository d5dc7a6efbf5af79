#include <sluice/admin/admin_server.h>
#include <sluice/base/text.h>
#include <sluice/net/acceptor.h>
#include <sluice/net/listening_socket.h>

#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "admin/session.h"

namespace sluice::admin {
namespace {

constexpr size_t kMostSessions = 64;

}  // namespace

struct AdminServer::Impl {
  Impl(net::Loop& the_loop, Log& the_log, net::ListeningSocket the_socket)
      : loop(the_loop), log(the_log), socket(std::move(the_socket)) {}

  void accept(std::unique_ptr<net::Transport> transport) {
    sessions.push_back(
        std::make_unique<Session>(std::move(transport), context, [this](Session& session) { end(session); }));
    if (sessions.size() >= kMostSessions) acceptor->pause();
  }

  void end(Session& session) {
    const auto is_it = [&](const auto& other) { return other.get() == &session; };
    const auto found = std::ranges::find_if(sessions, is_it);
    const auto ended = std::move(*found);  // Destroyed last: it is calling us.
    sessions.erase(found);
    acceptor->resume();
  }

  net::Loop& loop;
  Log& log;
  net::ListeningSocket socket;
  Context context;
  std::unique_ptr<net::Acceptor> acceptor;
  std::vector<std::unique_ptr<Session>> sessions;
};

Result<std::unique_ptr<AdminServer>> AdminServer::open(net::Loop& loop, Log& log, const std::string& path) {
  // The mode is the authorisation: it must hold from the file's first moment.
  const mode_t before = umask(0177);
  auto socket = net::ListeningSocket::open(Address::local(path), net::Sharing::alone);
  umask(before);
  if (!socket) {
    Error error = std::move(socket).error();
    error.message = concat({"admin socket: ", error.message});
    return error;
  }
  return std::unique_ptr<AdminServer>(new AdminServer(std::make_unique<Impl>(loop, log, *std::move(socket))));
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminServer::~AdminServer() = default;

void AdminServer::serve(lifecycle::Server& server, std::string config_path) {
  impl_->context = {.server = &server, .config_path = std::move(config_path)};
  impl_->acceptor = std::make_unique<net::Acceptor>(
      impl_->loop, impl_->socket, [impl = impl_.get()](std::unique_ptr<net::Transport> transport) {
        impl->accept(std::move(transport));
      });
}

}  // namespace sluice::admin
