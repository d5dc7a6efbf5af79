// The dialer of the real world: connections by net, spoken to by wire.
#pragma once

#include <sluice/net/loop.h>
#include <sluice/upstream/backend.h>
#include <sluice/wire/http1_client.h>

#include <string>

namespace sluice::upstream {

/// One worker's, which outlives the connections. `out` is the worker's buffer for heads.
class SocketDialer final : public Dialer {
 public:
  SocketDialer(net::Loop& loop, std::string& out) : loop_(loop), out_(out) {}
  /// Of responses from now on, on connections that are open, too.
  void set_limits(const http::HeadLimits& limits) { limits_ = limits; }
  Wait dial(const Address& address, OnDialed on_dialed) override;
  Result<std::unique_ptr<wire::ClientStream>> adopt_tunnel(net::Descriptor connection,
                                                           std::string read) override;

 private:
  net::Loop& loop_;
  std::string& out_;
  http::HeadLimits limits_ = wire::kResponseLimits;
};

}  // namespace sluice::upstream
