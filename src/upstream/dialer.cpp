#include <sluice/net/connector.h>
#include <sluice/upstream/dialer.h>
#include <sluice/wire/http1_client.h>

#include <utility>

namespace sluice::upstream {

Wait SocketDialer::dial(const Address& address, OnDialed on_dialed) {
  return net::connect(
      loop_, address,
      [this, on_dialed = std::move(on_dialed)](Result<std::unique_ptr<net::Transport>> transport) {
        if (!transport) {
          Error error = std::move(transport).error();
          error.origin = Origin::upstream;
          return on_dialed(std::move(error));
        }
        on_dialed(std::unique_ptr<wire::ClientStream>(std::make_unique<wire::Http1ClientConnection>(
            *std::move(transport), loop_.deadlines(), out_, limits_)));
      });
}

Result<std::unique_ptr<wire::ClientStream>> SocketDialer::adopt_tunnel(net::Descriptor connection,
                                                                       std::string read) {
  auto transport = net::adopt(loop_, std::move(connection));
  if (!transport) return std::move(transport).error();
  return std::unique_ptr<wire::ClientStream>(std::make_unique<wire::Http1ClientConnection>(
      *std::move(transport), loop_.deadlines(), out_, std::move(read)));
}

}  // namespace sluice::upstream
