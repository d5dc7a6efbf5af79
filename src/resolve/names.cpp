#include <sluice/base/text.h>
#include <sluice/resolve/names.h>

#include <algorithm>
#include <utility>

namespace sluice::resolve {
namespace {

constexpr Duration kShortest{1000};    // between two looks, whatever the records say
constexpr Duration kLongest{300'000};  // likewise
constexpr Duration kWithoutLifetime{5000};
constexpr Duration kFirstAgain{500};   // after a failure, then twice as long each time
constexpr Duration kLastAgain{5'000};  // A service that comes up late is found soon.
constexpr Duration kTogether{10};      // Names that change at about the same time make one change.
constexpr Duration kNotNow{100};

Duration next_look(const Answer& answer, Duration interval) {
  if (interval > Duration::zero()) return interval;
  return std::clamp(answer.lifetime.value_or(kWithoutLifetime), kShortest, kLongest);
}

Duration next_try(unsigned failures, Duration interval) {
  Duration wait = kLastAgain;
  if (failures < 7) wait = std::min(kLastAgain, kFirstAgain * (1 << (failures - 1)));
  return interval > Duration::zero() ? std::min(wait, interval) : wait;
}

bool has(const std::vector<config::ResolvedAddress>& places, const Address& address) {
  return std::ranges::find(places, address, &config::ResolvedAddress::address) != places.end();
}

/// `added=10.0.0.1:80,10.0.0.2:80`, or nothing.
std::string those_without(std::string_view key, const std::vector<config::ResolvedAddress>& places,
                          const std::vector<config::ResolvedAddress>& others) {
  std::string list;
  for (const auto& place : places) {
    if (!has(others, place.address)) list += concat({list.empty() ? "" : ",", place.address.text()});
  }
  return list.empty() ? list : field(key, list);
}

std::string count(size_t number) {
  return field("addresses", static_cast<long long>(number));
}

}  // namespace

struct Names::Entry {
  explicit Entry(config::HostName the_name) : name(std::move(the_name)) {}

  config::HostName name;
  Duration interval{};
  std::vector<config::ResolvedAddress> places{};
  std::optional<TimePoint> answered{};
  std::string cause{};
  unsigned failures = 0;
  bool is_asked = false;
  Deadline next{};
};

Names::Names(net::Loop& loop, Log& log, OnChange on_change)
    : loop_(loop), log_(log), on_change_(std::move(on_change)) {}

Names::~Names() = default;

void Names::watch(const config::Config& config) {
  std::map<std::string, config::NamedBackends, std::less<>> wanted;
  std::map<std::string, Duration, std::less<>> intervals;
  for (const auto& [unused, pool] : config.pools) {
    for (const auto& named : pool->names) {
      const auto [known, is_new] = intervals.try_emplace(named.name.text(), pool->resolve_interval);
      const bool is_shorter = pool->resolve_interval > Duration::zero() &&
                              (known->second == Duration::zero() || pool->resolve_interval < known->second);
      if (!is_new && is_shorter) known->second = pool->resolve_interval;
      wanted.try_emplace(known->first, named);
    }
  }
  std::erase_if(entries_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  std::erase_if(places_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  if (wanted.empty()) {
    resolver_.reset();
    return;
  }
  const bool is_other = !resolver_ || settings_ != config.resolver;
  if (is_other) resolver_ = std::make_unique<Resolver>(loop_, settings_ = config.resolver);
  for (const auto& [text, named] : wanted) {
    auto& entry = entries_[text];
    const bool is_new = !entry;
    if (is_new) entry = std::make_unique<Entry>(named.name);
    const bool changes = entry->interval != intervals.at(text);
    entry->interval = intervals.at(text);
    if (is_other) entry->is_asked = false;
    if (is_new || is_other || changes) ask(*entry);
  }
}

void Names::seed(const config::ResolvedNames& places) {
  for (const auto& [name, known] : places) {
    const auto entry = entries_.find(name);
    if (entry == entries_.end() || entry->second->answered) continue;
    entry->second->places = known;
    places_[name] = known;
  }
}

std::optional<NameInfo> Names::info(const config::HostName& name) const {
  const auto found = entries_.find(name.text());
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = *found->second;
  NameInfo info{.places = entry.places.size(), .cause = entry.cause};
  if (entry.answered) info.age = loop_.clock().now() - *entry.answered;
  return info;
}

void Names::ask(Entry& entry) {
  if (std::exchange(entry.is_asked, true)) return;
  entry.next.disarm();
  Families expected;
  for (const auto& place : entry.places) expected.add(place.address);
  resolver_->ask(entry.name, expected, [this, name = entry.name.text()](Result<Answer> answer) {
    on_answer(name, std::move(answer));
  });
}

void Names::on_answer(const std::string& name, Result<Answer> answer) {
  const auto known = entries_.find(name);
  if (known == entries_.end()) return;
  Entry& entry = *known->second;
  entry.is_asked = false;
  entry.next.set_callback([this, &entry] { ask(entry); });
  if (!answer) return failed(entry, answer.error());
  found(entry, *std::move(answer));
}

void Names::found(Entry& entry, Answer answer) {
  loop_.deadlines().arm(entry.next, next_look(answer, entry.interval));
  if (entry.failures > 0) {
    log_.info("name resolves again" + field("name", entry.name.text()) + count(answer.places.size()));
  }
  entry.failures = 0;
  const std::string before = std::exchange(entry.cause, {});
  entry.answered = loop_.clock().now();
  keep_untold(entry, answer);
  if (!entry.cause.empty() && entry.cause != before) {
    log_.warning("name resolved in part, the rest of its addresses stay" + field("name", entry.name.text()) +
                 field("cause", entry.cause));
  }
  if (entry.places == answer.places) return;
  log_.info("name resolved" + field("name", entry.name.text()) + count(answer.places.size()) +
            those_without("added", answer.places, entry.places) +
            those_without("removed", entry.places, answer.places));
  entry.places = std::move(answer.places);
  places_[entry.name.text()] = entry.places;
  if (!changed_.is_armed()) loop_.deadlines().arm(changed_, kTogether);
}

/// Addresses of a family that could not be looked up stay as they were.
void Names::keep_untold(Entry& entry, Answer& answer) {
  if (answer.untold == Families()) return;
  for (const auto& place : entry.places) {
    if (answer.untold.has(place.address) && !has(answer.places, place.address))
      answer.places.push_back(place);
  }
  std::ranges::stable_sort(answer.places, {}, &config::ResolvedAddress::address);
  entry.cause =
      answer.untold.ipv4 ? "its IPv4 addresses could not be told" : "its IPv6 addresses could not be told";
}

/// The last addresses stay, even when the answer is that there is no such name: requests still need a
/// backend.
void Names::failed(Entry& entry, const Error& error) {
  ++entry.failures;
  loop_.deadlines().arm(entry.next, next_try(entry.failures, entry.interval));
  const bool is_news = std::exchange(entry.cause, error.message) != error.message;
  if (!is_news) return;
  std::string line = entry.places.empty() ? "name not resolved, it has no backends"
                                          : "name not resolved, its last addresses stay";
  line += field("name", entry.name.text()) + field("cause", error.message) + count(entry.places.size());
  if (entry.answered) line += field("age_ms", (loop_.clock().now() - *entry.answered).count());
  log_.warning(line);
}

void Names::tell_changed() {
  const config::ResolvedNames places = places_;  // The callee may change what is watched.
  if (!on_change_(places)) loop_.deadlines().arm(changed_, kNotNow);
}

}  // namespace sluice::resolve
