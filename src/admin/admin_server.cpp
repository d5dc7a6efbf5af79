#include <sluice/admin/admin_server.h>
#include <sluice/base/text.h>
#include <sluice/net/acceptor.h>
#include <sluice/net/listening_socket.h>

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "admin/session.h"

namespace sluice::admin {
namespace {

constexpr size_t kMostSessions = 64;

/// Where to is in its configuration.
Error moved_away() {
  return {.code = ErrorCode::conflict,
          .message = "another process has taken over, and answers on an admin_socket of its own"};
}

}  // namespace

struct AdminServer::Impl {
  Impl(net::Loop& the_loop, Log& the_log, net::ListeningSocket the_socket)
      : loop(the_loop), log(the_log), socket(std::move(the_socket)) {}

  void accept(std::unique_ptr<net::Transport> transport) {
    sessions.push_back(std::make_unique<Session>(loop, std::move(transport), context,
                                                 [this](Session& session) { end(session); }));
    if (sessions.size() >= kMostSessions) acceptor->pause();
  }

  void end(Session& session) {
    const auto is_it = [&](const auto& other) { return other.get() == &session; };
    const auto found = std::ranges::find_if(sessions, is_it);
    const auto ended = std::move(*found);  // Destroyed last: it is calling us.
    sessions.erase(found);
    if (acceptor) acceptor->resume();
  }

  void end_sessions(bool (*which)(const Session&), const Error& error) {
    std::vector<Session*> ending;
    for (const auto& session : sessions) {
      if (which(*session)) ending.push_back(session.get());
    }
    for (Session* session : ending) session->end(error);  // Each ends itself at most.
  }

  net::Loop& loop;
  Log& log;
  std::optional<net::ListeningSocket> socket;
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

std::unique_ptr<AdminServer> AdminServer::adopt(net::Loop& loop, Log& log, net::ListeningSocket socket) {
  return std::unique_ptr<AdminServer>(new AdminServer(std::make_unique<Impl>(loop, log, std::move(socket))));
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminServer::~AdminServer() = default;

void AdminServer::serve(lifecycle::Server& server, std::string config_path, lifecycle::Handover* handover,
                        lifecycle::Probation* probation) {
  impl_->socket->take_file();
  impl_->context = {
      .server = &server, .config_path = std::move(config_path), .handover = handover, .probation = probation};
  impl_->acceptor = std::make_unique<net::Acceptor>(
      impl_->loop, *impl_->socket, [impl = impl_.get()](std::unique_ptr<net::Transport> transport) {
        impl->accept(std::move(transport));
      });
}

Result<net::Descriptor> AdminServer::copy_socket() const {
  return net::Descriptor::duplicate_of(impl_->socket->descriptor());
}

void AdminServer::hand_over(bool same_socket) {
  impl_->acceptor.reset();
  if (same_socket) impl_->socket->leave_file();
  impl_->socket.reset();
  impl_->end_sessions([](const Session&) { return true; }, same_socket ? moved() : moved_away());
}

bool AdminServer::is_to_hear() const {
  return std::ranges::any_of(impl_->sessions, [](const auto& session) { return session->is_to_hear(); });
}

void AdminServer::stand_by() {
  impl_->acceptor.reset();
  impl_->socket->leave_file();
  impl_->end_sessions([](const Session& session) { return !session.waits_for_verdict(); }, moved());
}

}  // namespace sluice::admin
