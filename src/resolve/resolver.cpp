#include <sluice/base/check.h>
#include <sluice/base/text.h>
#include <sluice/net/descriptor_watch.h>
#include <sluice/resolve/resolver.h>

#include <ares.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <algorithm>
#include <limits>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "resolve/srv_query.h"

namespace sluice::resolve {
namespace {

using Family = config::Resolver::Family;

/// It leads to the machine itself, also where no hosts file says so (RFC 6761 6.3); c-ares 1.18 asks for
/// it as for any other name.
bool is_localhost(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return equals_ignoring_case(name, "localhost");
}

Address loopback(Family family) {
  return *Address::parse(family == Family::ipv6 ? "[::1]:0" : "127.0.0.1:0");
}

int family_of(Family family) {
  if (family == Family::any) return AF_UNSPEC;
  return family == Family::ipv4 ? AF_INET : AF_INET6;
}

bool is_absent(int status) {
  return status == ARES_ENOTFOUND || status == ARES_ENODATA;
}

Error error_of(int status) {
  if (is_absent(status)) return {.code = ErrorCode::not_found, .message = "there is no address of that name"};
  if (status == ARES_ETIMEOUT) return {.code = ErrorCode::timed_out, .message = "no answer in time"};
  return {.code = ErrorCode::failed, .message = to_lower(ares_strerror(status))};
}

struct Lookup;

/// A part of a lookup; c-ares gives it back with the answer.
struct Question {
  Lookup& lookup;
  size_t record = 0;  // whose target's addresses are asked for
  int missing = 0;    // the family alone that an answer lacked; 0: all that are wanted
};

/// What was asked, and what it takes to answer that.
struct Lookup {
  void* asker;
  config::HostName name;
  Families expected;
  Resolver::OnAnswer on_answer;
  std::vector<SrvRecord> records{};    // of SRV; else one, for the name itself
  std::list<Question> questions{};     // They stay where they are.
  size_t open = 0;                     // of the questions
  std::optional<uint32_t> lifetime{};  // seconds
  int failure = ARES_SUCCESS;
  bool is_doubted = false;  // what did not come has been asked for once more
  Families untold{};

  Question* add(size_t record, int missing = 0) {
    ++open;
    return &questions.emplace_back(Question{.lookup = *this, .record = record, .missing = missing});
  }
  void lives(uint32_t seconds) { lifetime = std::min(lifetime.value_or(UINT32_MAX), seconds); }
};

void add_addresses(const ares_addrinfo& info, Lookup& lookup, size_t record) {
  const auto bytes = [](const auto& ip) {
    return std::string_view(reinterpret_cast<const char*>(&ip), sizeof ip);
  };
  auto& addresses = lookup.records[record].addresses;
  for (const auto* node = info.nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_family == AF_INET) {
      addresses.push_back(
          Address::ip(bytes(reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr), 0));
    } else if (node->ai_family == AF_INET6) {
      addresses.push_back(
          Address::ip(bytes(reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr), 0));
    }
    // Addresses of the hosts file have none, and c-ares says 0 of them.
    if (node->ai_ttl > 0) lookup.lives(static_cast<uint32_t>(node->ai_ttl));
  }
  // An answer is good for as long as each record of the chain that led to it (RFC 1034 3.6.2): c-ares gives
  // the lifetimes of the aliases here alone. Where addresses have one, an alias's of 0 is one, too.
  const bool is_from_dns = lookup.lifetime.has_value();
  for (const auto* alias = info.cnames; alias != nullptr; alias = alias->next) {
    if (alias->ttl > 0 || is_from_dns) lookup.lives(static_cast<uint32_t>(std::max(alias->ttl, 0)));
  }
}

std::vector<config::ResolvedAddress> sorted(std::vector<config::ResolvedAddress> places) {
  std::ranges::stable_sort(places, {}, &config::ResolvedAddress::address);
  const auto rest = std::ranges::unique(places, {}, &config::ResolvedAddress::address);
  places.erase(rest.begin(), rest.end());
  return places;
}

Result<Answer> answer_of(const Lookup& lookup) {
  if (lookup.failure != ARES_SUCCESS) return error_of(lookup.failure);
  Answer answer{.untold = lookup.untold};
  if (lookup.lifetime) answer.lifetime = Duration{int64_t{1000} * *lookup.lifetime};
  if (lookup.name.is_srv()) {
    answer.places = places_of(lookup.records);
  } else {
    for (const Address& address : lookup.records.front().addresses) {
      answer.places.push_back({.address = address.with_port(lookup.name.port)});
    }
  }
  const bool is_told = !lookup.untold.ipv4 && !lookup.untold.ipv6;
  if (answer.places.empty()) return error_of(is_told ? ARES_ENODATA : ARES_ESERVFAIL);
  answer.places = sorted(std::move(answer.places));
  return answer;
}

}  // namespace

struct Resolver::Impl {
  Impl(net::Loop& the_loop, const config::Resolver& the_settings) : loop(the_loop), settings(the_settings) {
    CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
    ares_options options{};
    options.timeout = static_cast<int>(settings.timeout.count());
    options.tries = static_cast<int>(settings.attempts);
    options.sock_state_cb = [](void* self, ares_socket_t descriptor, int readable, int writable) {
      static_cast<Impl*>(self)->watch(descriptor, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    int given = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_QUERY_CACHE
    // From 1.31 on c-ares keeps answers, for up to an hour, unless it is switched off; when to ask again is
    // ours to say.
    given |= ARES_OPT_QUERY_CACHE;
    options.qcache_max_ttl = 0;
#endif
    CHECK(ares_init_options(&channel, &options, given) == ARES_SUCCESS);
    if (settings.servers.empty()) return;
    std::string servers;
    for (const Address& server : settings.servers) {
      servers += concat({servers.empty() ? "" : ",", server.text()});
    }
    CHECK(ares_set_servers_ports_csv(channel, servers.c_str()) == ARES_SUCCESS);
  }

  ~Impl() {
    ares_destroy(channel);  // Every question ends, and every socket.
    ares_library_cleanup();
  }

  // ---- c-ares on our loop

  void watch(int descriptor, bool readable, bool writable) {
    if (!readable && !writable) {
      watches.erase(descriptor);
      return;
    }
    auto& watch = watches[descriptor];
    if (!watch) {
      watch = std::make_unique<net::DescriptorWatch>(loop, descriptor, [this, descriptor](bool in, bool out) {
        process(in ? descriptor : ARES_SOCKET_BAD, out ? descriptor : ARES_SOCKET_BAD);
      });
    }
    watch->watch_for(readable, writable);
  }

  void process(int readable, int writable) {
    ares_process_fd(channel, readable, writable);
    wait_for_next();
  }

  void wait_for_next() {
    timeval left{};
    timer.disarm();
    if (ares_timeout(channel, nullptr, &left) == nullptr) return;
    loop.deadlines().arm(timer, Duration{left.tv_sec * 1000 + left.tv_usec / 1000 + 1});
  }

  // ---- questions

  void ask(const config::HostName& name, Families expected, OnAnswer on_answer) {
    Lookup& lookup = lookups.emplace_back(
        Lookup{.asker = this, .name = name, .expected = expected, .on_answer = std::move(on_answer)});
    if (name.is_srv()) {
      lookup.add(0);
      query_srv(channel, name.host,
                [this, &lookup](SrvAnswer answer) { take_records(lookup, std::move(answer)); });
    } else {
      lookup.records.push_back({.target = name.host});
      ask_addresses(lookup, 0);
    }
    wait_for_next();
  }

  void ask_addresses(Lookup& lookup, size_t record, int missing = 0) {
    ares_addrinfo_hints hints{};
    hints.ai_family = missing == 0 ? family_of(settings.family) : missing;
    hints.ai_flags = ARES_AI_NOSORT;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel, lookup.records[record].target.c_str(), nullptr, &hints, on_addresses,
                     lookup.add(record, missing));
  }

  /// To c-ares an answer is one when it has addresses of one family, whatever became of the other's question.
  void ask_for_the_missing(Lookup& lookup) {
    if (settings.family != Family::any || lookup.failure != ARES_SUCCESS) return;
    for (size_t i = 0; i < lookup.records.size(); ++i) {
      Families found;
      for (const Address& address : lookup.records[i].addresses) found.add(address);
      if (!found.ipv4 && !found.ipv6) continue;  // The question for both was answered: it has none.
      if (lookup.expected.ipv4 && !found.ipv4) ask_addresses(lookup, i, AF_INET);
      if (lookup.expected.ipv6 && !found.ipv6) ask_addresses(lookup, i, AF_INET6);
    }
  }

  void take_records(Lookup& lookup, SrvAnswer answer) {
    lookup.failure = answer.status;
    if (answer.status == ARES_SUCCESS) {
      lookup.records = std::move(answer.records);
      lookup.lives(answer.lifetime);
      for (size_t i = 0; i < lookup.records.size(); ++i) ask_addresses(lookup, i);
    }
    answered(lookup);
  }

  /// A target without an address is left out; one whose addresses could not be looked up fails the whole
  /// answer, since those would seem to be gone.
  static void on_addresses(void* given, int status, int, ares_addrinfo* info) {
    const auto& question = *static_cast<const Question*>(given);
    Lookup& lookup = question.lookup;
    if (status == ARES_SUCCESS) {
      add_addresses(*info, lookup, question.record);
    } else if (question.missing == 0 && status != ARES_EDESTRUCTION &&
               is_localhost(lookup.records[question.record].target)) {
      const Family family = static_cast<Impl*>(lookup.asker)->settings.family;
      lookup.records[question.record].addresses.push_back(loopback(family));
    } else if (question.missing != 0 && status != ARES_EDESTRUCTION) {
      if (!is_absent(status)) (question.missing == AF_INET ? lookup.untold.ipv4 : lookup.untold.ipv6) = true;
    } else if (!lookup.name.is_srv() || !is_absent(status)) {
      lookup.failure = status;
    }
    if (info != nullptr) ares_freeaddrinfo(info);
    static_cast<Impl*>(lookup.asker)->answered(lookup);
  }

  /// Runs the callback in a later turn: c-ares may answer before ask() has returned, and must not be
  /// destroyed by a callback.
  void answered(Lookup& lookup) {
    if (--lookup.open > 0) return;
    if (!std::exchange(lookup.is_doubted, true)) {
      ++lookup.open;  // An answer may come at once.
      ask_for_the_missing(lookup);
      if (--lookup.open > 0) return;
    }
    const auto done = std::ranges::find_if(lookups, [&](const Lookup& each) { return &each == &lookup; });
    if (lookup.failure != ARES_EDESTRUCTION) {
      loop.post([alive = std::weak_ptr<bool>(alive), answer = answer_of(lookup),
                 on_answer = std::move(lookup.on_answer)]() mutable {
        if (!alive.expired()) on_answer(std::move(answer));
      });
    }
    lookups.erase(done);
  }

  net::Loop& loop;
  config::Resolver settings;
  ares_channel channel = nullptr;
  std::map<int, std::unique_ptr<net::DescriptorWatch>> watches;
  Deadline timer{[this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }};
  std::list<Lookup> lookups;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

Resolver::Resolver(net::Loop& loop, const config::Resolver& settings)
    : impl_(std::make_unique<Impl>(loop, settings)) {}

Resolver::~Resolver() = default;

void Resolver::ask(const config::HostName& name, Families expected, OnAnswer on_answer) {
  impl_->ask(name, expected, std::move(on_answer));
}

}  // namespace sluice::resolve
