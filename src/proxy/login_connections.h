// Connections to backends that speak for one client alone, since a login on them holds for all that is asked
// there (NTLM, Negotiate). They rest here between its requests, never with the backend's others.
#pragma once

#include <sluice/upstream/pool.h>
#include <sluice/wire/stream.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace sluice::proxy {

/// One client connection's, whose end closes them: at most one for each pool.
class LoginConnections {
 public:
  /// `on_end` runs whenever a connection has ended while it rested.
  explicit LoginConnections(std::function<void()> on_end) : on_end_(std::move(on_end)) {}
  LoginConnections(const LoginConnections&) = delete;
  LoginConnections& operator=(const LoginConnections&) = delete;

  bool is_empty() const { return kept_.empty(); }
  /// The backend of the connection to this pool, while it takes requests; null when there is none. Valid as
  /// long as this object, or until the next keep().
  const upstream::Backend* backend_in(const upstream::Pool& pool) const;
  /// How often the request may be sent.
  enum class Send { again, once };
  /// The connection to this backend, for a request; null when none is still open, or when a request that may
  /// be sent only once could meet its end.
  std::unique_ptr<wire::ClientStream> take(const upstream::Pool& pool, const upstream::Backend& backend,
                                           Send send);
  /// Until it is taken, its backend closes it, drains or leaves, or `idle` is over.
  void keep(std::shared_ptr<upstream::Pool> pool, std::shared_ptr<upstream::Backend> backend,
            std::unique_ptr<wire::ClientStream> connection, Duration idle);

 private:
  struct Kept {
    explicit Kept(LoginConnections& logins)
        : notice([this, &logins](upstream::DrainSubscription::Says) {
            connection.reset();
            logins.on_end_();
          }) {}
    std::shared_ptr<upstream::Pool> pool;
    std::shared_ptr<upstream::Backend> backend;
    std::unique_ptr<wire::ClientStream> connection;
    Duration most{};  // that it may rest
    upstream::DrainSubscription notice;
  };
  Kept* in(const upstream::Pool& pool) const;

  std::function<void()> on_end_;
  std::vector<std::unique_ptr<Kept>> kept_;
};

}  // namespace sluice::proxy
