// Asks one backend how it is, once.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/wait.h>
#include <sluice/config/config.h>
#include <sluice/net/network.h>
#include <sluice/tls/client.h>
#include <sluice/upstream/health.h>
#include <sluice/wire/lingering.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::upstream {

using wire::Lingering;

/// What all probes of a pool's backends have in common; made once for its settings.
class ProbeSpec {
 public:
  explicit ProbeSpec(config::Health health,
                     config::ProxyProtocol proxy_protocol = config::ProxyProtocol::none);

  const config::Health& health() const { return health_; }
  /// It is what a pool with these settings asks.
  bool is_of(const config::Pool& pool) const {
    return health_ == pool.health && proxy_protocol_ == pool.proxy_protocol;
  }
  /// What comes before all else on a connection to `target`, where the backend is asked; may be empty.
  std::string_view preface(const Address& target, const Address& backend) const {
    return target == backend ? std::string_view(preface_) : std::string_view();
  }
  /// Where the backend at this address is asked.
  Address target(const Address& backend) const;
  /// The request in its pieces, about the value of Host.
  const std::string& before_host() const { return before_host_; }
  const std::string& behind_host() const { return behind_host_; }
  /// Of https: the authorities to trust, or why there are none.
  const Result<std::shared_ptr<const tls::ClientContext>>& trust() const { return trust_; }
  /// The name that the certificate has to be for, when `target` is asked.
  std::string server_name(const Address& target) const;

 private:
  const config::Health health_;
  const config::ProxyProtocol proxy_protocol_;
  std::string preface_;
  std::string before_host_;
  std::string behind_host_;
  Result<std::shared_ptr<const tls::ClientContext>> trust_;
};

/// Asks the backend on a connection of its own. http: sends GET health.path and judges the answer: 503 is
/// draining; an expected status, with the text in the body where one is wanted, passed; anything else,
/// silence beyond health.timeout included, failed. https: the same within TLS; `session` (may be null) is
/// the backend's. tcp: a connection is enough. Without a descriptor for it the backend was not asked. Never
/// calls back before it has returned. `lingering` outlives the Wait: it gets the connection at the verdict,
/// or when the Wait is dropped, until the backend has closed it or health.timeout is over.
[[nodiscard]] Wait probe(net::Network& network, Lingering& lingering, const Address& backend,
                         std::shared_ptr<const ProbeSpec> question, std::shared_ptr<tls::Session> session,
                         std::function<void(ProbeResult)> on_result);

}  // namespace sluice::upstream
