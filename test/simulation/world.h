// An in-memory world for real exchanges: clients, backends and a clock that a seed drives. No sockets, no
// threads.
#pragma once

#include <sluice/proxy/active_stream.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/upstream/pool.h>

#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace sluice::simulation {

/// A small, fast random number generator (splitmix64): the same numbers from the same seed everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  /// 0 to below `bound`.
  size_t below(size_t bound) { return static_cast<size_t>(next() % bound); }
  bool chance(size_t in_a_hundred) { return below(100) < in_a_hundred; }

 private:
  uint64_t state_;
};

/// A request head out of text, by the real decoder.
void parse_request(http::RequestHead& head, const std::string& text);
void parse_response(http::ResponseHead& head, const std::string& text, bool to_head_request);

/// A body that arrives in pieces when the world says so.
class Body {
 public:
  void start(wire::BodyReceiver& receiver) { receiver_ = &receiver, paused_ = false; }
  void stop() { receiver_ = nullptr; }
  void pause() { paused_ = true; }
  void resume() { paused_ = false; }
  bool is_wanted() const { return receiver_ != nullptr && !paused_; }
  bool is_started() const { return receiver_ != nullptr; }
  /// Each may destroy the body's owner.
  void deliver(std::string_view bytes) {
    const size_t middle = bytes.size() / 2;
    if (middle == 0) return receiver_->on_body(wire::Slices(&bytes, 1));
    receiver_->on_body(std::array{bytes.substr(0, middle), bytes.substr(middle)});
  }
  void end(Result<void> how) { std::exchange(receiver_, nullptr)->on_body_end(std::move(how)); }

 private:
  wire::BodyReceiver* receiver_ = nullptr;
  bool paused_ = false;
};

/// The sending half of a stream: may be blocked until the world opens it again.
class Outlet {
 public:
  wire::Flow flow() const { return blocked_ ? wire::Flow::blocked : wire::Flow::open; }
  void block() { blocked_ = true; }
  bool is_blocked() const { return blocked_; }
  bool is_waited_for() const { return pending_.is_waited_for(); }
  Wait wait(std::function<void(Result<void>)> callback) { return pending_.wait(std::move(callback)); }
  void open() {
    blocked_ = false;
    pending_.fire({});
  }
  void fail(Error error) { pending_.fire(std::move(error)); }

 private:
  bool blocked_ = false;
  Pending<Result<void>> pending_;
};

class World;

/// A client with one request on its mind.
class SimulatedClient final : public wire::ServerStream {
 public:
  SimulatedClient(World& world, const std::string& request, std::string body);

  const http::RequestHead& request() const override { return head_; }
  const wire::Client& client() const override { return client_; }
  void send_interim(const http::ResponseHead& head, const http::FieldEdits* edits) override;
  void send_continue() override;
  wire::Flow send_head(const http::ResponseHead& head, const http::FieldEdits* edits,
                       wire::Follows follows) override;
  wire::OwnSent send_own(const http::OwnResponse& response) override;
  wire::Flow switch_protocols(const http::ResponseHead& head, const http::FieldEdits* edits) override;
  bool has_left() override { return left_unheard_; }
  bool is_committed() const override { return committed_; }
  void discard_head() override { head_given_ = false; }
  void finish() override;
  void abort() override;
  void start_body(wire::BodyReceiver& receiver) override { upload_.start(receiver); }
  void pause_body() override { upload_.pause(); }
  void resume_body() override { upload_.resume(); }
  void stop_body() override { upload_.stop(); }
  bool has_buffered_body() const override { return false; }
  using BodySink::write_body;
  wire::Flow write_body(wire::Slices pieces) override;
  std::string_view trailers() const override { return {}; }
  wire::Flow end_body(std::string_view trailers) override;
  Wait when_writable(std::function<void(Result<void>)> callback) override {
    return outlet_.wait(std::move(callback));
  }

  /// Something happens to it, by the world's dice: a piece of its body, a pause of its reading, its leaving.
  void step();
  bool is_over() const { return over_; }

  // What the checks look at.
  int answers = 0;       ///< whole answers that it has got
  bool aborted = false;  ///< it saw its connection break
  int status = 0;
  std::string received;
  bool ended = false;  ///< the response's body was ended in order
  bool from_backend = false;
  bool is_tunnel = false;

 private:
  friend class World;
  void commit();

  World& world_;
  wire::Client client_{.address = {}, .local = {}, .ip = "192.0.2.1"};
  http::RequestHead head_;
  std::string body_;
  size_t sent_ = 0;
  Body upload_;
  Outlet outlet_;
  FreeList<proxy::ActiveStream>::Item exchange_;
  bool head_given_ = false;
  bool committed_ = false;
  bool waits_for_continue_ = false;
  bool left_unheard_ = false;  // it has gone, and is not read from
  bool over_ = false;
};

/// One connection to a simulated backend.
class SimulatedConnection final : public wire::ClientStream {
 public:
  SimulatedConnection(World& world, size_t backend);
  ~SimulatedConnection() override;

  void send_preface(std::string_view) override {}
  wire::Flow send_head(const http::RequestHead& head, const http::RequestForwarding& forwarding,
                       wire::Follows follows) override;
  void switch_protocols() override;
  Wait read_head(OnHead on_head) override { return head_pending_.wait(std::move(on_head)); }
  bool has_answered() const override { return answered_; }
  bool is_reused() const override { return exchanges_ > 1; }
  bool is_stale() const override { return broken_; }
  bool may_be_reused() const override {
    return state_ == State::complete && request_whole_ && !broken_ && !is_tunnel_;
  }
  void park(Duration idle, std::function<void(ClientStream&)> on_gone) override;
  void unpark() override { on_gone_ = nullptr; }
  Duration idle_time() const override { return {}; }
  void end_sending() override { sending_ended_ = true; }
  void start_body(wire::BodyReceiver& receiver) override { download_.start(receiver); }
  void pause_body() override { download_.pause(); }
  void resume_body() override { download_.resume(); }
  void stop_body() override { download_.stop(); }
  bool has_buffered_body() const override { return false; }
  using BodySink::write_body;
  wire::Flow write_body(wire::Slices pieces) override;
  std::string_view trailers() const override { return {}; }
  wire::Flow end_body(std::string_view trailers) override;
  Wait when_writable(std::function<void(Result<void>)> callback) override {
    return outlet_.wait(std::move(callback));
  }

  /// It has the request, and no response has begun.
  bool is_asked_for(const std::string& target) const { return state_ == State::waiting && target_ == target; }
  /// The backend does something: answers, sends a piece, ends, breaks off.
  void step();

 private:
  enum class State { resting, waiting, body, complete };
  void break_off();
  void answer();
  void give_back();

  World& world_;
  size_t backend_;
  std::string target_;
  State state_ = State::resting;
  http::ResponseHead head_;
  Pending<Result<const http::ResponseHead*>> head_pending_;
  Body download_;
  Outlet outlet_;
  std::function<void(ClientStream&)> on_gone_;
  std::string request_body_;
  std::string response_;
  size_t sent_ = 0;
  unsigned exchanges_ = 0;
  bool to_head_ = false;
  bool upgrade_asked_ = false;
  bool is_tunnel_ = false;
  bool expects_body_ = false;
  bool request_whole_ = false;
  bool answered_ = false;
  bool gives_back_ = false;
  bool sending_ended_ = false;
  bool broken_ = false;
};

}  // namespace sluice::simulation
