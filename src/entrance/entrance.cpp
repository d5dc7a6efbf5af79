#include <sluice/base/check.h>
#include <sluice/entrance/entrance.h>

#include <utility>

namespace sluice::entrance {

Entrance::Entrance(wire::ServerContext& context, const wire::MakeServerConnection& make_connection,
                   EntranceOwner& owner)
    : context_(context), make_connection_(make_connection), owner_(owner) {}

Entrance::~Entrance() {
  close_arrivals();
}

// ---- accepting

void Entrance::accept_on(net::Network& network, const net::ListeningSocket& socket) {
  auto& acceptor = acceptors_[&socket];
  CHECK(!acceptor);
  const auto accepted = [this](std::unique_ptr<net::Transport> transport) { admit(std::move(transport)); };
  acceptor = network.accept(socket, accepted, net::Acceptor::Reserve::keep);
}

void Entrance::pause() {
  for (auto& [socket, acceptor] : acceptors_) acceptor->pause();
}

void Entrance::resume() {
  for (auto& [socket, acceptor] : acceptors_) acceptor->resume();
}

void Entrance::accept_queue() {
  for (auto& [socket, acceptor] : acceptors_) acceptor->accept_queue();
}

// ---- arriving

void Entrance::admit(std::unique_ptr<net::Transport> transport) {
  owner_.on_accepted();
  wire::BetweenRequests from = wire::accepted(*transport, options_.local);
  from.awaits_preface = options_.proxy_protocol;
  if (from.awaits_preface) return go_on(std::move(transport), std::move(from));
  on_arrived(std::move(transport), std::move(from));
}

void Entrance::go_on(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from) {
  Arrival& arrival = Arrival::make(std::move(transport), std::move(from), context_, *this);
  arrivals_.push_back(arrival);
  arrival.begin();
}

void Entrance::on_arrived(std::unique_ptr<net::Transport> transport, wire::BetweenRequests at) {
  owner_.on_open(make_connection_(std::move(transport), std::move(at), context_));
}

// ---- to another owner, or to none

std::optional<wire::SuspendedConnection> Entrance::suspend_arrival() {
  auto suspended = arrivals_.front()->suspend();
  if (!suspended) return std::nullopt;
  arrivals_.front()->close();
  return *std::move(suspended);
}

void Entrance::take_arrivals(Entrance& other) {
  while (Arrival* arrival = other.arrivals_.pop_front()) {
    arrival->give_to(*this);
    arrivals_.push_back(*arrival);
  }
}

size_t Entrance::close_arrivals() {
  size_t count = 0;
  for (; !arrivals_.empty(); ++count) arrivals_.front()->close();
  return count;
}

}  // namespace sluice::entrance
