#include <sluice/admin/admin_server.h>
#include <sluice/base/text.h>
#include <sluice/net/listening_socket.h>

#include <sys/stat.h>

#include <optional>
#include <utility>

#include "admin/sessions.h"
#include "admin/socket_file.h"

namespace sluice::admin {
namespace {

/// Where to is in its configuration.
Error moved_away() {
  return {.code = ErrorCode::conflict,
          .message = "another process has taken over, and answers on an admin_socket of its own"};
}

}  // namespace

struct AdminServer::Impl {
  Impl(net::Network& the_network, Log& the_log, net::ListeningSocket the_socket, SocketAccess the_access)
      : network(the_network),
        log(the_log),
        socket(std::move(the_socket)),
        access(the_access),
        sessions(
            the_network.executor(), the_log, SessionLimits{},
            [this] {
              if (acceptor) acceptor->pause();
            },
            [this] {
              if (acceptor) acceptor->resume();
            }) {
    context.log = &the_log;
  }

  net::Network& network;
  Log& log;
  std::optional<net::ListeningSocket> socket;
  SocketAccess access;
  Context context;
  std::unique_ptr<net::Acceptor> acceptor;
  Sessions sessions;
};

Result<std::unique_ptr<AdminServer>> AdminServer::open(net::Network& network, Log& log,
                                                       const config::Server& settings) {
  const std::string& path = settings.admin_socket;
  const auto access = SocketAccess::of(settings);
  if (!access) return access.error();
  if (auto made = make_directory_of(path); !made) return std::move(made).error();
  // The mode is the authorisation: it must hold from the file's first moment.
  const mode_t before = umask(0177);
  auto socket = net::ListeningSocket::open(Address::local(path), net::Sharing::alone);
  umask(before);
  if (!socket) {
    Error error = std::move(socket).error();
    error.message = concat({"admin socket: ", error.message});
    if (error.code == ErrorCode::denied) {
      error.message += "; run this as another user, or name another place in server.admin_socket";
    }
    return error;
  }
  if (auto given = give_access(path, *access); !given) return std::move(given).error();
  return std::unique_ptr<AdminServer>(
      new AdminServer(std::make_unique<Impl>(network, log, *std::move(socket), *access)));
}

Result<void> AdminServer::check(const config::Server& settings) {
  const auto access = SocketAccess::of(settings);
  return access ? Result<void>() : access.error();
}

Result<std::unique_ptr<AdminServer>> AdminServer::adopt(net::Network& network, Log& log,
                                                        net::ListeningSocket socket,
                                                        const config::Server& settings) {
  const auto access = SocketAccess::of(settings);
  if (!access) return access.error();
  return std::unique_ptr<AdminServer>(
      new AdminServer(std::make_unique<Impl>(network, log, std::move(socket), *access)));
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminServer::~AdminServer() = default;

void AdminServer::serve(control::Server& server, std::string config_path, takeover::Handover* handover,
                        takeover::Probation* probation) {
  impl_->socket->take_file();
  // The process before this one may have had others.
  if (auto given = give_access(impl_->socket->address().path(), impl_->access); !given) {
    impl_->log.error("admin socket: its permissions stay as they were" +
                     field("cause", given.error().message));
  }
  impl_->context.server = &server;
  impl_->context.config_path = std::move(config_path);
  impl_->context.handover = handover;
  impl_->context.probation = probation;
  impl_->acceptor =
      impl_->network.accept(*impl_->socket, [impl = impl_.get()](std::unique_ptr<net::Transport> transport) {
        impl->sessions.add(std::move(transport), impl->context);
      });
}

Result<net::Descriptor> AdminServer::copy_socket() const {
  return net::Descriptor::duplicate_of(impl_->socket->descriptor());
}

void AdminServer::hand_over(bool same_socket) {
  impl_->acceptor.reset();
  if (same_socket) impl_->socket->leave_file();
  impl_->socket.reset();
  impl_->sessions.end([](const Session&) { return true; }, same_socket ? moved() : moved_away());
}

bool AdminServer::has_pending_clients() const {
  return impl_->sessions.has_pending_clients();
}

void AdminServer::stand_by() {
  impl_->acceptor.reset();
  impl_->socket->leave_file();
  impl_->sessions.end([](const Session& session) { return !session.waits_for_verdict(); }, moved());
}

}  // namespace sluice::admin
