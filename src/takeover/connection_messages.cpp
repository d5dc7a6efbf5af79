#include "takeover/connection_messages.h"

#include <sluice/base/address.h>

#include <utility>

#include "takeover/takeover_json.h"

namespace sluice::takeover {
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

size_t add(std::string& bytes, const std::string& more) {
  bytes += more;
  return more.size();
}

Json json_of(const proxy::TunnelState& tunnel, std::string& bytes) {
  return {{"pool", tunnel.pool},
          {"backend", tunnel.backend.text()},
          {"sent", tunnel.sent},
          {"received", tunnel.received},
          {"age_ms", tunnel.age_ms},
          {"attempts", tunnel.attempts},
          {"request_id", add(bytes, tunnel.request_id)},
          {"head", add(bytes, tunnel.head)},
          {"up", add(bytes, tunnel.up)},
          {"down", add(bytes, tunnel.down)}};
}

/// In the order of the bytes.
void read_tunnel(Members& members, proxy::TunnelState& tunnel) {
  members.text("pool", tunnel.pool);
  read_address(members, "backend", tunnel.backend);
  members.number("sent", tunnel.sent);
  members.number("received", tunnel.received);
  members.number("age_ms", tunnel.age_ms);
  members.number("attempts", tunnel.attempts);
  members.bytes("request_id", tunnel.request_id);
  members.bytes("head", tunnel.head);
  members.bytes("up", tunnel.up);
  members.bytes("down", tunnel.down);
}

Json json_of(const proxy::ConnectionState& connection, std::string& bytes) {
  const auto& at = connection.at;
  Json json = {{"listener", connection.listener},     {"client", at.client.address.text()},
               {"local", at.client.local.text()},     {"requests", at.requests},
               {"awaits_preface", at.awaits_preface}, {"bytes", add(bytes, at.bytes)}};
  if (connection.tunnel) json["tunnel"] = json_of(*connection.tunnel, bytes);
  return json;
}

proxy::ConnectionState read_connection(Members& members) {
  proxy::ConnectionState connection;
  auto& at = connection.at;
  members.text("listener", connection.listener);
  read_address(members, "client", at.client.address);
  read_address(members, "local", at.client.local);
  at.client.ip = at.client.address.ip_text();
  members.number("requests", at.requests);
  members.flag("awaits_preface", at.awaits_preface);
  members.bytes("bytes", at.bytes);
  if (const Json& json = members.member("tunnel"); !json.is_null()) {
    Members tunnel = members.within(json);
    read_tunnel(tunnel, connection.tunnel.emplace());
    members.check(tunnel.is_good());
  }
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

Json acknowledge_json(const AcknowledgeMessage& message) {
  return {{"message", "taken"}, {"refused", message.refused}, {"room", message.room}};
}

AcknowledgeMessage read_acknowledge(Members& members) {
  AcknowledgeMessage message;
  members.number("room", message.room);
  for (const Json& place : members.list("refused")) {
    if (members.check(place.is_number_unsigned())) message.refused.push_back(place.get<size_t>());
  }
  return message;
}

}  // namespace sluice::takeover
