// The client's side of TLS: which servers it trusts, and how a connection becomes one within TLS.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/result.h>
#include <sluice/base/wait.h>
#include <sluice/net/network.h>
#include <sluice/net/transport.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::tls {

/// A server's session, kept so that the next connection to it costs less. Not for longer than kLongest after
/// the server's certificate was looked at: a session that is taken up again shows none.
class Session {
 public:
  static constexpr Duration kLongest{60'000};

  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  bool has_ticket() const;

 private:
  friend class TlsTransport;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What connections have in common. Shared by them; one thread's at a time. TLS 1.2 or newer.
class ClientContext {
 public:
  struct Settings {
    bool verify = true;         ///< the server has to show a certificate for its name, of a known authority
    std::string authorities{};  ///< certificates in PEM; empty: those of the system
  };
  static Result<std::shared_ptr<const ClientContext>> make(const Settings& settings);
  ~ClientContext();
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

 private:
  friend class TlsTransport;
  struct Impl;
  explicit ClientContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Why these are no certificates in PEM, one after the other, at least one; the reason alone.
Result<void> check_certificates(std::string_view pem);

/// The server that a connection leads to.
struct Peer {
  std::string name{};  ///< host name or IP address, which the certificate has to be for; a host name is also
                       ///< what is asked for (SNI, RFC 6066 3). Empty: neither
  std::shared_ptr<Session> session{};  ///< null: none is kept
};

using OnSecured = std::function<void(Result<std::unique_ptr<net::Transport>>)>;

/// Does the handshake of a client over `plain`, which has no reader, and gives a transport of what is sent
/// within; or why there is none: the certificate (code denied), what speaks no TLS there (malformed), an end
/// (closed) or the error of `plain`, which is reset then. Never before it has returned. Dropping the Wait
/// gives up, and resets it, too. No bound in time of its own.
[[nodiscard]] Wait secure(net::Network& network, std::shared_ptr<const ClientContext> context,
                          std::unique_ptr<net::Transport> plain, const Peer& server, OnSecured on_secured);

}  // namespace sluice::tls
