#include "dialling.h"

#include <sluice/wire/http1_client.h>

#include <cstdint>
#include <utility>

namespace sluice::simulation {
namespace {

constexpr uint16_t kFirstPort = 9000;

}  // namespace

Address address_of(size_t backend) {
  static const Address first = *Address::parse("192.0.2.9:9000");
  return first.with_port(static_cast<uint16_t>(kFirstPort + backend));
}

upstream::Connector simulated_connector(Deadlines& deadlines, std::string& out, Diallings& diallings) {
  return {.deadlines = deadlines,
          .connect =
              [&diallings](const Address& address, net::OnConnected on_connected) {
                auto& dialling = *diallings.emplace_back(std::make_unique<Dialling>());
                dialling.backend = static_cast<size_t>(address.port() - kFirstPort);
                return dialling.pending.wait(std::move(on_connected));
              },
          .adopt = [](net::Descriptor) { return wire::cannot_be_left(); },
          .codec =
              [&deadlines, &out](std::unique_ptr<net::Transport> transport) {
                return std::make_unique<wire::Http1ClientConnection>(std::move(transport), deadlines, out);
              }};
}

}  // namespace sluice::simulation
