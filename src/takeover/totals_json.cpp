#include "takeover/totals_json.h"

#include <utility>

#include "takeover/takeover_json.h"

namespace sluice::takeover {
namespace {

/// Releases before this one have none, and a newer one may have events of which this one knows nothing.
void read_tallies(const Json& json, observe::TallySums& tallies) {
  if (!json.is_array()) return;
  for (const Json& row : json) {
    const bool is_row = row.is_array() && row.size() == 5 && row[0].is_string() && row[1].is_string() &&
                        row[3].is_string() && row[4].is_number_unsigned();
    if (!is_row) continue;
    for (size_t i = 0; i < observe::kEvents; ++i) {
      const auto event = static_cast<observe::Event>(i);
      if (row[2] != observe::name(event)) continue;
      tallies[{row[0].get<std::string>(), row[1].get<std::string>(), event, row[3].get<std::string>()}] +=
          row[4].get<uint64_t>();
    }
  }
}

}  // namespace

Json totals_json(const observe::Totals& totals) {
  Json ended = Json::object();
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    ended[std::string(observe::name(static_cast<observe::Disposition>(i)))] = totals.ended[i];
  }
  Json tallies = Json::array();
  for (const auto& [key, count] : totals.tallies) {
    tallies.push_back({key.pool, key.version, observe::name(key.event), key.cause, count});
  }
  return {{"accepted", totals.accepted},       {"ended", std::move(ended)},
          {"retries", totals.retries},         {"connections_accepted", totals.connections_accepted},
          {"connections", totals.connections}, {"connections_displaced", totals.connections_displaced},
          {"tallies", std::move(tallies)}};
}

/// What a newer release counts and this one does not know is a failure of some kind: the sum has to hold.
void read_totals(const Json& json, Members& outer, observe::Totals& totals) {
  Members members(json);
  members.number("accepted", totals.accepted);
  members.number("retries", totals.retries);
  members.number("connections_accepted", totals.connections_accepted);
  members.number("connections", totals.connections);
  if (members.has("connections_displaced")) {
    members.number("connections_displaced", totals.connections_displaced);
  }
  read_tallies(members.member("tallies"), totals.tallies);
  const Json& ended = members.member("ended");
  if (members.check(ended.is_object())) {
    for (const auto& [key, count] : ended.items()) {
      size_t place = static_cast<size_t>(observe::Disposition::failed_stopped);
      for (size_t i = 0; i < observe::kDispositions; ++i) {
        if (observe::name(static_cast<observe::Disposition>(i)) == key) place = i;
      }
      if (members.check(count.is_number_unsigned())) totals.ended[place] += count.get<uint64_t>();
    }
  }
  outer.check(members.is_good());
}

}  // namespace sluice::takeover
