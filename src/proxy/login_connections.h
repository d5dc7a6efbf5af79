// Connections to backends that speak for one client alone, since a login on them holds for all that is asked
// there (NTLM, Negotiate). They rest here between its requests, never with the backend's others.
#pragma once

#include <sluice/upstream/pool.h>

#include <memory>
#include <utility>
#include <vector>

namespace sluice::proxy {

/// What LoginConnections reports.
class LoginConnectionsOwner {
 public:
  /// A connection has ended while it rested.
  virtual void on_login_ended() = 0;

 protected:
  ~LoginConnectionsOwner() = default;
};

/// One client connection's, whose end closes them: at most one for each pool. Few clients log in: an empty
/// one is two words.
class LoginConnections {
 public:
  /// `owner` outlives it.
  explicit LoginConnections(LoginConnectionsOwner& owner) : owner_(owner) {}
  LoginConnections(const LoginConnections&) = delete;
  LoginConnections& operator=(const LoginConnections&) = delete;

  bool is_empty() const { return kept_ == nullptr; }
  /// The backend of the connection to this pool, while it takes requests; null when there is none. Valid as
  /// long as this object, or until the next keep().
  const upstream::Backend* backend_in(const upstream::Pool& pool) const;
  /// A stream on the connection to this backend; null when none is still open, or when a request that may be
  /// sent only once could meet its end.
  upstream::StreamPtr take(const upstream::Pool& pool, const upstream::Backend& backend,
                           bool may_be_repeated);
  /// The stream's response has been read whole: its connection rests until it is taken, its backend closes
  /// it, drains or leaves, or `idle` is over.
  void keep(std::shared_ptr<upstream::Pool> pool, std::shared_ptr<upstream::Backend> backend,
            upstream::StreamPtr stream, Duration idle);

 private:
  struct Kept {
    Kept(const LoginConnections& logins, std::shared_ptr<upstream::Pool> the_pool,
         std::shared_ptr<upstream::Backend> the_backend)
        : pool(std::move(the_pool)),
          backend(std::move(the_backend)),
          place([&owner = logins.owner_] { owner.on_login_ended(); }),
          notice([this, &owner = logins.owner_](upstream::DrainSubscription::Says) {
            place.close();
            owner.on_login_ended();
          }) {}
    std::shared_ptr<upstream::Pool> pool;
    std::shared_ptr<upstream::Backend> backend;
    upstream::BoundConnection place;
    upstream::DrainSubscription notice;
  };
  Kept* in(const upstream::Pool& pool) const;

  using All = std::vector<std::unique_ptr<Kept>>;

  LoginConnectionsOwner& owner_;
  std::unique_ptr<All> kept_;  // once there was one
};

}  // namespace sluice::proxy
