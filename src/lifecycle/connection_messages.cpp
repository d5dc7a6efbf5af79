#include "lifecycle/connection_messages.h"

#include <sluice/base/address.h>

#include <utility>

namespace sluice::lifecycle {
namespace {

/// Clients of a Unix socket have no name.
constexpr std::string_view kNameless = "unix:";

void read_address(Members& members, std::string_view name, Address& address) {
  std::string text;
  members.text(name, text);
  if (text == kNameless) {
    address = Address::local("");
  } else if (auto parsed = Address::parse(text); members.check(parsed.has_value())) {
    address = *std::move(parsed);
  }
}

Json json_of(const proxy::ConnectionRecord& connection, std::string& bytes) {
  const auto& at = connection.at;
  bytes += at.bytes;
  return {{"listener", connection.listener},     {"client", at.client.address.text()},
          {"local", at.client.local.text()},     {"requests", at.requests},
          {"awaits_preface", at.awaits_preface}, {"bytes", at.bytes.size()}};
}

proxy::ConnectionRecord read_connection(Members& members) {
  proxy::ConnectionRecord connection;
  auto& at = connection.at;
  members.text("listener", connection.listener);
  read_address(members, "client", at.client.address);
  read_address(members, "local", at.client.local);
  at.client.ip = at.client.address.ip_text();
  members.number("requests", at.requests);
  members.flag("awaits_preface", at.awaits_preface);
  members.bytes("bytes", at.bytes);
  return connection;
}

}  // namespace

Json connections_json(const ConnectionsMessage& message, std::string& bytes) {
  Json connections = Json::array();
  for (const auto& connection : message.connections) connections.push_back(json_of(connection, bytes));
  return {{"message", "connections"}, {"connections", std::move(connections)}};
}

ConnectionsMessage read_connections(Members& members) {
  ConnectionsMessage message;
  for (const Json& json : members.list("connections")) {
    Members connection = members.within(json);
    message.connections.push_back(read_connection(connection));
    if (!members.check(connection.is_good())) break;
  }
  return message;
}

Json taken_json(const TakenMessage& message) {
  return {{"message", "taken"}, {"refused", message.refused}, {"room", message.room}};
}

TakenMessage read_taken(Members& members) {
  TakenMessage message;
  members.number("room", message.room);
  for (const Json& place : members.list("refused")) {
    if (members.check(place.is_number_unsigned())) message.refused.push_back(place.get<size_t>());
  }
  return message;
}

}  // namespace sluice::lifecycle
