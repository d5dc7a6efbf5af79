#include <sluice/base/alive.h>
#include <sluice/base/check.h>
#include <sluice/base/text.h>
#include <sluice/http/body_decoder.h>
#include <sluice/wire/fetch.h>

#include <string>
#include <utility>

namespace sluice::wire {
namespace {

/// For a server to close the connection behind the end of its answer. Most do so at once.
constexpr Duration kGrace{100};

Error fetch_error(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message), .origin = Origin::upstream};
}

}  // namespace

/// The connection. The Fetch owns it until the end; from then on `lingering` does, when the server may still
/// be writing.
class Fetch::Impl final : public Lingering::Connection, private net::Reader {
 public:
  Impl(Fetch& fetch, Deadlines& deadlines, Lingering& lingering, const FetchLimits& limits,
       FetchHandler& handler)
      : fetch_(&fetch),
        handler_(handler),
        deadlines_(deadlines),
        lingering_(lingering),
        limits_(limits),
        deadline_([this] { time_out(); }),
        grace_([this] { close(); }),
        decoder_(http::HeadDecoder::Of::response, limits.head) {
    CHECK(limits_.time > Duration::zero());
    deadlines_.arm(deadline_, limits_.time);
  }

  void start(std::unique_ptr<net::Transport> transport, std::span<const std::string_view> request) {
    CHECK(transport_ == nullptr);
    transport_ = std::move(transport);
    transport_->write(request);
    transport_->start_reading(*this);
  }

  /// The end, for the Fetch. Returns itself when there is nothing to linger for.
  std::unique_ptr<Impl> leave() {
    auto self = std::move(std::exchange(fetch_, nullptr)->impl_);
    if (transport_ == nullptr || has_ended_) return self;
    lingering_.add(std::move(self));
    close_if_whole();
    return nullptr;
  }

  void reset_on_close() override { transport_->reset_on_close(); }

 private:
  bool lingers() const { return fetch_ == nullptr; }
  bool is_whole() const { return has_head_ && !is_malformed_ && body_.is_complete(); }

  void on_bytes(std::string_view bytes) override {
    if (lingers()) lingered_bytes_ += bytes.size();
    const Alive::Watch watch(alive_);
    read(bytes);
    if (!watch || !lingers()) return;
    if (lingered_bytes_ <= kMostLingering) return close_if_whole();
    reset_on_close();
    lingering_.remove(*this);
  }

  void on_end(Result<void> how) override {
    if (how) transport_->shutdown();  // Within TLS its own end is answered, too.
    if (lingers()) return lingering_.remove(*this);
    has_ended_ = true;
    if (!how) return finish(std::move(how));
    if (!has_head_) return finish(fetch_error(ErrorCode::closed, "closed without an answer"));
    if (body_.may_end_here()) return finish({});
    finish(fetch_error(ErrorCode::closed, "closed in the middle of the body"));
  }

  /// All of it, whether or not it is wanted: where the answer ends counts for a connection that lingers, too.
  void read(std::string_view bytes) {
    if (is_malformed_) return;
    const Alive::Watch watch(alive_);
    while (!has_head_ && !bytes.empty()) {
      const auto progress = decoder_.decode(bytes, head_, false);
      if (!progress) return malformed("answer", progress.error());
      if (!progress->complete) return;
      bytes.remove_prefix(progress->used);
      head_.is_interim() ? head_.clear() : begin_body();
      if (!watch) return;
    }
    while (!bytes.empty() && !body_.is_complete()) {
      const auto piece = body_.next(bytes);
      if (!piece) return malformed("body", piece.error());
      bytes.remove_prefix(piece->used);
      deliver(piece->data);
      if (!watch) return;
    }
    if (is_whole()) finish({});
  }

  /// Calls out.
  void begin_body() {
    has_head_ = true;
    body_.begin(head_.framing, http::BodyDecoder::From::backend);
    if (!lingers()) handler_.on_head(head_);
  }

  /// Calls out.
  void deliver(std::string_view piece) {
    if (lingers() || piece.empty()) return;
    body_bytes_ += piece.size();
    if (body_bytes_ <= limits_.body) return handler_.on_body(piece);
    finish(fetch_error(ErrorCode::too_large,
                       concat({"a body of more than ", std::to_string(limits_.body), " bytes"})));
  }

  void malformed(std::string_view what, const Error& error) {
    is_malformed_ = true;
    const auto code = error.code == ErrorCode::too_large ? ErrorCode::too_large : ErrorCode::malformed;
    finish(fetch_error(code, concat({"malformed ", what, ": ", error.message})));
  }

  /// The end, by itself. Calls out, and may destroy us.
  void finish(Result<void> how) {
    if (lingers()) return;
    const auto self = leave();
    handler_.on_end(std::move(how));
  }

  void time_out() {
    if (lingers()) return close();
    if (transport_ != nullptr) reset_on_close();
    has_ended_ = true;
    finish(fetch_error(ErrorCode::timed_out,
                       concat({"timed out after ", std::to_string(limits_.time.count()), "ms"})));
  }

  /// A server that keeps the connection all the same has nothing to say on it: we close first, and in order.
  void close_if_whole() {
    if (is_whole() && !grace_.is_armed()) deadlines_.arm(grace_, kGrace);
  }

  /// Before the server has.
  void close() {
    is_whole() ? transport_->shutdown() : reset_on_close();
    lingering_.remove(*this);
  }

  Fetch* fetch_;  // until the end
  FetchHandler& handler_;
  Deadlines& deadlines_;
  Lingering& lingering_;
  const FetchLimits limits_;
  Deadline deadline_;
  Deadline grace_;
  std::unique_ptr<net::Transport> transport_;
  http::HeadDecoder decoder_;
  http::ResponseHead head_;
  http::BodyDecoder body_;
  Alive alive_;
  uint64_t body_bytes_ = 0;
  size_t lingered_bytes_ = 0;
  bool has_head_ = false;
  bool is_malformed_ = false;
  bool has_ended_ = false;  // nothing comes any more, or has to
};

Fetch::Fetch(Deadlines& deadlines, Lingering& lingering, const FetchLimits& limits, FetchHandler& handler)
    : impl_(std::make_unique<Impl>(*this, deadlines, lingering, limits, handler)) {}

Fetch::~Fetch() {
  stop();
}

void Fetch::start(std::unique_ptr<net::Transport> transport, std::span<const std::string_view> request) {
  CHECK(impl_ != nullptr);
  impl_->start(std::move(transport), request);
}

void Fetch::stop() {
  if (impl_ != nullptr) impl_->leave();
}

}  // namespace sluice::wire
