// The dialer of the real world: connections by net, spoken to by wire.
#pragma once

#include <sluice/net/loop.h>
#include <sluice/upstream/backend.h>

#include <string>

namespace sluice::upstream {

/// One worker's. `out` is the worker's buffer for heads.
class SocketDialer final : public Dialer {
 public:
  SocketDialer(net::Loop& loop, std::string& out) : loop_(loop), out_(out) {}
  Wait dial(const Address& address, OnDialed on_dialed) override;
  Result<std::unique_ptr<wire::ClientStream>> adopt_tunnel(net::Descriptor connection,
                                                           std::string read) override;

 private:
  net::Loop& loop_;
  std::string& out_;
};

}  // namespace sluice::upstream
