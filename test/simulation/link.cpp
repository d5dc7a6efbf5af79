#include "link.h"

#include <sluice/base/check.h>

#include <algorithm>
#include <utility>

namespace sluice::simulation {
namespace {

Error was_reset() {
  return {.code = ErrorCode::reset, .message = "reset"};
}

Error has_no_descriptor() {
  return {.code = ErrorCode::unsupported, .message = "a connection in memory has no descriptor"};
}

}  // namespace

/// Sluice's end. The link outlives it.
class Link::Transport final : public net::Transport {
 public:
  explicit Transport(Link& link) : link_(link) {}
  ~Transport() override { link_.closed(); }

  void start_reading(net::Reader& reader) override { reader_ = &reader; }
  void stop_reading() override { reader_ = nullptr; }
  net::Flow write(std::span<const std::string_view> pieces) override { return link_.write(pieces); }
  Wait when_writable(std::function<void(Result<void>)> callback) override {
    return writable_.wait(std::move(callback));
  }
  size_t pending_bytes() const override { return link_.kept_.size(); }
  std::string kept() const override { return link_.kept_; }
  void shutdown() override {
    if (std::exchange(link_.is_shut_down_, true)) return;
    link_.shut_down_at_ = link_.clock_.now();
    if (link_.kept_.empty() && link_.to_peer_end_ == End::none) link_.to_peer_end_ = End::in_order;
  }
  void reset_on_close() override { link_.resets_ = true; }
  bool is_stale() const override { return !link_.to_sluice_.empty() || has_hung_up(); }
  bool has_hung_up() const override { return link_.to_sluice_end_ != End::none && link_.end_arrived_; }
  bool has_broken() const override {
    const bool both_ended = has_hung_up() && link_.is_shut_down_ && link_.kept_.empty();
    return link_.to_sluice_end_ == End::broken || both_ended;
  }
  size_t unacknowledged() const override { return link_.kept_.size() + link_.to_peer_.size(); }
  const Address& peer() const override { return link_.peer_; }
  Result<net::Peer> peer_process() const override { return has_no_descriptor(); }
  Result<net::Descriptor> duplicate() const override { return has_no_descriptor(); }

 private:
  friend class Link;
  Link& link_;
  net::Reader* reader_ = nullptr;
  Pending<Result<void>> writable_;
};

Link::Link(Random& random, const Clock& clock, Address peer, size_t blocks)
    : random_(random), clock_(clock), peer_(std::move(peer)), blocks_(blocks) {}

Link::~Link() {
  CHECK(transport_ == nullptr);
}

std::unique_ptr<net::Transport> Link::open() {
  CHECK(!std::exchange(opened_, true));
  auto transport = std::make_unique<Transport>(*this);
  transport_ = transport.get();
  return transport;
}

// ---- the peer

void Link::send(std::string_view bytes) {
  CHECK(to_sluice_end_ != End::in_order);
  if (to_sluice_end_ == End::broken || bytes.empty()) return;
  if (transport_ != nullptr) {
    to_sluice_.append(bytes);
    return;
  }
  lose(to_peer_);
  to_peer_end_ = to_sluice_end_ = End::broken;
}

void Link::send_glued(std::string_view bytes) {
  glue_from_ = to_sluice_.size();
  send(bytes);
  glue_to_ = to_sluice_.size();
}

void Link::end() {
  if (to_sluice_end_ != End::none) return;
  to_sluice_end_ = End::in_order;
  end_arrived_ = random_.chance(50);
}

Link::End Link::close() {
  if (!to_peer_.empty() && to_peer_end_ != End::broken) reset();
  end();
  peer_closed_ = true;
  return to_sluice_end_;
}

void Link::reset() {
  peer_closed_ = true;
  to_peer_.clear();
  has_lost_ = true;
  lose(to_sluice_);
  break_off();
}

std::string Link::take() {
  const size_t size = to_peer_.empty() || peer_closed_ ? 0 : random_.piece(to_peer_.size());
  std::string taken = to_peer_.substr(0, size);
  to_peer_.erase(0, size);
  return taken;
}

// ---- Sluice

net::Flow Link::write(std::span<const std::string_view> pieces) {
  CHECK(!is_shut_down_);
  if (to_sluice_end_ == End::broken) return net::Flow::blocked;
  const size_t before = to_peer_.size();
  std::string& buffer = kept_.empty() ? to_peer_ : kept_;
  for (const auto piece : pieces) buffer.append(piece);
  const size_t written = to_peer_.size() - before;
  if (written == 0) return kept_.empty() ? net::Flow::open : net::Flow::blocked;
  if (peer_closed_) is_refused_ = true;
  if (!random_.chance(blocks_)) return net::Flow::open;
  const size_t taken = before + random_.below(written);
  kept_ = to_peer_.substr(taken);
  to_peer_.resize(taken);
  return net::Flow::blocked;
}

/// The kernel takes some of what was kept.
void Link::drain() {
  const size_t size = random_.piece(kept_.size());
  to_peer_.append(kept_, 0, size);
  kept_.erase(0, size);
  if (peer_closed_) is_refused_ = true;
  if (!kept_.empty()) return;
  if (is_shut_down_ && to_peer_end_ == End::none) to_peer_end_ = End::in_order;
  transport_->writable_.fire({});
}

void Link::deliver() {
  net::Reader& reader = *transport_->reader_;
  if (!to_sluice_.empty()) {
    size_t size = random_.piece(to_sluice_.size());
    if (size >= glue_from_ && size < glue_to_) size = glue_to_;
    const std::string bytes = to_sluice_.substr(0, size);  // Of its own: what is kept of it would show.
    to_sluice_.erase(0, size);
    glue_from_ -= std::min(glue_from_, size);
    glue_to_ -= std::min(glue_to_, size);
    return reader.on_bytes(bytes);
  }
  if (to_sluice_end_ == End::none) return;
  end_arrived_ = true;
  transport_->reader_ = nullptr;
  reader.on_end(to_sluice_end_ == End::broken ? Result<void>(was_reset()) : Result<void>());
}

void Link::break_off() {
  to_sluice_end_ = to_peer_end_ = End::broken;
  end_arrived_ = true;
  if (!kept_.empty()) has_lost_ = true;
  kept_.clear();
}

void Link::step() {
  if (transport_ == nullptr) return;
  if (is_refused_ && to_sluice_end_ != End::broken && random_.chance(50)) return break_off();
  if (to_sluice_end_ == End::in_order && random_.chance(20)) end_arrived_ = true;
  if (!kept_.empty() && random_.chance(70)) return drain();
  if (transport_->writable_.is_waited_for() && kept_.empty() && random_.chance(70)) {
    const bool is_broken = to_sluice_end_ == End::broken;
    return transport_->writable_.fire(is_broken ? Result<void>(was_reset()) : Result<void>());
  }
  if (transport_->reader_ != nullptr) deliver();
}

bool Link::is_still() const {
  if (transport_ == nullptr) return true;
  const bool is_read = transport_->reader_ != nullptr;
  const bool has_news = !to_sluice_.empty() || to_sluice_end_ != End::none;
  return kept_.empty() && !transport_->writable_.is_waited_for() && !(is_read && has_news);
}

/// Sluice has dropped its end: what it kept is lost, and bytes that it has not read break the connection.
void Link::closed() {
  transport_ = nullptr;
  const bool is_unsent = !kept_.empty();
  kept_.clear();
  const bool is_unread = !to_sluice_.empty() && to_sluice_end_ != End::broken;
  if (is_unsent) has_lost_ = true;
  if ((is_unread || is_unsent) && !resets_) {
    cut_after_ = is_shut_down_ ? clock_.now() - shut_down_at_ : Duration(0);
  }
  if (resets_ || is_unread) {
    lose(to_peer_);
    to_peer_end_ = End::broken;
  } else if (to_peer_end_ == End::none) {
    to_peer_end_ = End::in_order;
  }
}

void Link::lose(std::string& bytes) {
  if (bytes.empty()) return;
  if (&bytes == &to_peer_) has_lost_ = true;
  bytes.resize(random_.below(bytes.size() + 1));
  if (&bytes == &to_sluice_) glue_from_ = glue_to_ = 0;
}

}  // namespace sluice::simulation
