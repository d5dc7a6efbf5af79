#include "admin/drain_report.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <utility>

namespace sluice::admin {
namespace {

constexpr size_t kMostHolders = 20;

/// Whole seconds, from one on: never less than it is.
std::string about(Duration time) {
  if (time <= std::chrono::seconds(1)) return config::duration_text(time);
  return config::duration_text(std::chrono::ceil<std::chrono::seconds>(time));
}

/// "2 tunnels (cut in 12s at the latest)"
std::string tunnel_words(const proxy::BackendUse& use, std::string_view cuts_nothing) {
  std::string words = counted(use.tunnels, "tunnel");
  if (use.unbounded == use.tunnels) return concat({words, " (", cuts_nothing, ")"});
  words += concat({" (cut in ", about(use.cut_in)});
  if (use.tunnels > 1) words += " at the latest";
  if (use.unbounded > 0) words += concat({", but for ", std::to_string(use.unbounded), " that nothing cuts"});
  return words + ")";
}

std::string words(const proxy::BackendUse& use, std::string_view cuts_nothing) {
  std::string words;
  if (use.tunnels > 0) words = tunnel_words(use, cuts_nothing);
  if (use.tunnels > 0 && use.requests > 0) words += " and ";
  if (use.requests > 0) words += counted(use.requests, "request");
  return words + (use.tunnels + use.requests == 1 ? " is" : " are") + " still in flight";
}

std::string why(const control::Server& server, const Waited& waited, const BackendStates& backends,
                const proxy::BackendUse& use) {
  if (server.predecessors().draining() > 0) {
    return "a process from before the last upgrade still drains";
  }
  if (use.tunnels + use.requests > 0) return words(use, waited.cuts_nothing);
  const size_t left = in_flight(backends);
  if (left == 0) return "not every worker has taken the change yet";
  // Workers that have not answered in time.
  return words({.requests = left, .oldest = {}}, waited.cuts_nothing);
}

/// The workers' answers come, or are given up, before it is over.
constexpr Duration kForAnswers{5000};

/// What is in flight to some backends, as all workers say.
class UseQuestion {
 public:
  /// Asks once; to drop this object drops the question.
  void ask(control::Server& server, BackendStates backends) {
    is_asked_ = true;
    is_known_ = backends.empty();
    if (is_known_) return;
    wait_ = server.ask_each_worker(
        [backends = std::move(backends), use = use_](const proxy::Service& service) {
          return
              [use, more = service.in_flight_to(backends, kMostHolders)] { add(*use, more, kMostHolders); };
        },
        [this] { is_known_ = true; });
  }
  bool is_asked() const { return is_asked_; }
  /// All have answered, or a moment is over.
  bool is_known() const { return is_known_; }
  const proxy::BackendUse& use() const { return *use_; }

 private:
  std::shared_ptr<proxy::BackendUse> use_ = std::make_shared<proxy::BackendUse>();
  Wait wait_;
  bool is_asked_ = false;
  bool is_known_ = false;
};

}  // namespace

std::string holder_line(const proxy::InFlightInfo& holder) {
  std::string line = concat({"  held_by", field("client", holder.client)});
  if (!holder.pool.empty()) line += field("pool", holder.pool);
  if (!holder.backend.empty()) line += field("backend", holder.backend);
  line += concat({" doing=", holder.phase, " age=", config::duration_text(holder.age)});
  if (holder.cut_in) line += concat({" cut_in=", config::duration_text(*holder.cut_in)});
  if (!holder.route.empty()) line += field("route", holder.route);
  return line + field("request", holder.request);
}

json::Value holder_json(const proxy::InFlightInfo& holder) {
  json::Value json = {{"client", holder.client},   {"route", holder.route},    {"pool", holder.pool},
                      {"backend", holder.backend}, {"doing", holder.phase},    {"age_ms", holder.age.count()},
                      {"cut_in_ms", nullptr},      {"request", holder.request}};
  if (holder.cut_in) json["cut_in_ms"] = holder.cut_in->count();
  return json;
}

size_t in_flight(const BackendStates& backends) {
  size_t sum = 0;
  for (const auto& backend : backends) sum += backend->in_flight();
  return sum;
}

Wait when_over(control::Server& server, Duration bound, std::function<bool()> is_over,
               std::function<BackendStates()> backends,
               std::function<void(const proxy::BackendUse&)> on_end) {
  const TimePoint until = server.now() + bound;
  const auto question = std::make_shared<UseQuestion>();
  return server.when(
      [&server, until, question, is_over = std::move(is_over), backends = std::move(backends)] {
        if (is_over() || question->is_known()) return true;
        if (!question->is_asked() && server.now() >= until) question->ask(server, backends());
        return false;
      },
      bound + kForAnswers, [question, on_end = std::move(on_end)](bool) { on_end(question->use()); });
}

Reply still_in_flight(const control::Server& server, const Waited& waited, const BackendStates& backends,
                      const proxy::BackendUse& use) {
  Reply reply =
      Reply::failed({.code = ErrorCode::timed_out,
                     .message = concat({waited.so_far, ", but ", why(server, waited, backends, use)})});
  reply.data = {{"tunnels", use.tunnels},
                {"requests", use.requests},
                {"cut_in_ms", nullptr},
                {"held_by", json::Value::array()}};
  if (use.tunnels > use.unbounded) reply.data["cut_in_ms"] = use.cut_in.count();
  for (const auto& holder : use.oldest) {
    reply.lines.push_back(holder_line(holder));
    reply.data["held_by"].push_back(holder_json(holder));
  }
  const size_t all = use.tunnels + use.requests;
  const size_t more = all - std::min(all, use.oldest.size());
  if (more > 0) reply.lines.push_back(concat({"  and ", std::to_string(more), " more"}));
  return reply;
}

}  // namespace sluice::admin
