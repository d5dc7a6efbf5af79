#include "script.h"

#include <sluice/base/check.h>
#include <sluice/http/head_decoder.h>

#include <algorithm>
#include <map>
#include <utility>

namespace sluice::simulation {

void parse_request(http::RequestHead& head, const std::string& text) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  const auto progress = decoder.decode(text, head);
  CHECK(progress && progress->complete);
}

void parse_response(http::ResponseHead& head, const std::string& text, bool to_head_request) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::response, {});
  const auto progress = decoder.decode(text, head, to_head_request);
  CHECK(progress && progress->complete);
}

namespace {

Error broken(ErrorCode code) {
  return {.code = code, .message = "", .origin = Origin::upstream, .status = 502};
}

Address address_of(size_t backend) {
  return Address::parse("192.0.2.9:9000")->with_port(static_cast<uint16_t>(9000 + backend));
}

}  // namespace

/// For one request, without a body either way.
class Script::Connection final : public wire::ClientStream {
 public:
  Connection(Script& script, size_t backend) : script_(script), backend_(backend) {
    script.connections_.push_back(this);
  }
  ~Connection() override { std::erase(script_.connections_, this); }

  size_t backend() const { return backend_; }
  bool is_asked() const { return head_.is_waited_for(); }
  void answer() {
    parse_response(response_, "HTTP/1.1 204 No Content\r\n\r\n", false);
    head_.fire(&response_);
  }
  void break_off() { head_.fire(broken(ErrorCode::reset)); }

  void send_preface(std::string_view) override {}
  wire::Flow send_head(const http::RequestHead&, const http::RequestForwarding&, wire::Follows) override {
    return wire::Flow::open;
  }
  Wait read_head(OnHead on_head) override { return head_.wait(std::move(on_head)); }
  void end_sending() override {}
  void switch_protocols() override {}
  bool has_answered() const override { return false; }
  bool is_reused() const override { return false; }
  bool is_stale() const override { return false; }
  bool may_be_reused() const override { return false; }
  void park(Duration, std::function<void(ClientStream&)>) override {}
  void unpark() override {}
  Duration idle_time() const override { return {}; }
  void start_body(wire::BodyReceiver&) override {}
  void pause_body() override {}
  void resume_body() override {}
  void stop_body() override {}
  bool has_buffered_body() const override { return false; }
  std::string_view trailers() const override { return {}; }
  using BodySink::write_body;
  wire::Flow write_body(wire::Slices) override { return wire::Flow::open; }
  wire::Flow end_body(std::string_view) override { return wire::Flow::open; }
  Wait when_writable(std::function<void(Result<void>)>) override { return {}; }

 private:
  Script& script_;
  size_t backend_;
  http::ResponseHead response_;
  Pending<Result<const http::ResponseHead*>> head_;
};

class Script::Dialer final : public upstream::Dialer {
 public:
  explicit Dialer(Script& script) : script_(script) {}
  Wait dial(const Address& address, OnDialed on_dialed) override {
    script_.diallings_.push_back(std::make_unique<Dialling>(address.port() - 9000U));
    return script_.diallings_.back()->pending.wait(std::move(on_dialed));
  }

 private:
  Script& script_;
};

Script::Script(size_t backends, config::Pool settings)
    : dialer_(std::make_unique<Dialer>(*this)),
      context_{.deadlines = deadlines_, .dialer = *dialer_, .counters = counters_, .access = access_} {
  auto pool = std::make_shared<config::Pool>(std::move(settings));
  pool->name = "shop";
  pool->backends.clear();
  for (size_t i = 0; i < backends; ++i) {
    pool->backends.push_back({.address = address_of(i)});
    states_.push_back(std::make_shared<upstream::BackendState>("shop", address_of(i)));
    states_.back()->set_health(upstream::HealthState::healthy);
    backends_.push_back(std::make_shared<upstream::Backend>(states_.back(), 0, [](const auto&) {}));
  }
  pool_ = std::make_shared<upstream::Pool>("shop", deadlines_, 0, 1);
  pool_->update(pool, backends_);
  auto config = std::make_shared<config::Config>();
  config->pools["shop"] = pool;
  config->routes.push_back({.path = "/", .pool = "shop"});
  std::map<std::string, proxy::Generation::States, std::less<>> states;
  states["shop"] = states_;
  generation_.shared = std::make_shared<proxy::Generation>(1, "scripted", config, std::move(states), 1);
  generation_.targets_of_route = {{{.pool = pool_, .settings = pool}}};
}

Script::~Script() {
  if (exchange_) exchange_->stop();
}

ScriptedClient& Script::ask(const std::string& request) {
  client_ = std::make_unique<ScriptedClient>(request);
  exchange_ = exchanges_.take();
  exchange_->start(context_, *client_, generation_, 0, [this](proxy::Ending ending) {
    exchange_.reset();
    ending == proxy::Ending::abort ? client_->abort() : client_->finish();
  });
  return *client_;
}

void Script::pass(Duration time) {
  clock_.advance(time);
  deadlines_.expire();
}

void Script::probed(size_t backend, upstream::HealthState health) {
  states_[backend]->set_health(health);
  backends_[backend]->checked();
  pool_->wake();
}

std::string Script::dialling() const {
  std::string all;
  for (const auto& dialling : diallings_) {
    if (dialling->pending.is_waited_for()) all += std::to_string(dialling->backend);
  }
  return all;
}

std::string Script::asked() const {
  std::string all;
  for (const Connection* connection : connections_) {
    if (connection->is_asked()) all += std::to_string(connection->backend());
  }
  return all;
}

void Script::dialled(size_t backend, Result<std::unique_ptr<wire::ClientStream>> connection) {
  const auto found = std::ranges::find_if(diallings_, [&](const auto& dialling) {
    return dialling->backend == backend && dialling->pending.is_waited_for();
  });
  CHECK(found != diallings_.end());
  const std::unique_ptr<Dialling> dialling = std::move(*found);
  diallings_.erase(found);
  dialling->pending.fire(std::move(connection));
}

void Script::accept(size_t backend) {
  dialled(backend, std::unique_ptr<wire::ClientStream>(std::make_unique<Connection>(*this, backend)));
}

void Script::refuse(size_t backend) {
  dialled(backend, broken(ErrorCode::refused));
}

Script::Connection& Script::connection_of(size_t backend) {
  const auto found = std::ranges::find_if(connections_, [&](const Connection* connection) {
    return connection->backend() == backend && connection->is_asked();
  });
  CHECK(found != connections_.end());
  return **found;
}

void Script::answer(size_t backend) {
  connection_of(backend).answer();
}

void Script::break_off(size_t backend) {
  connection_of(backend).break_off();
}

uint64_t Script::retried() const {
  observe::TallySums sums;
  counters_.tallies.add_to(sums);
  uint64_t sum = 0;
  for (const auto& [key, count] : sums) {
    if (key.event == observe::Event::retried) sum += count;
  }
  return sum;
}

}  // namespace sluice::simulation
