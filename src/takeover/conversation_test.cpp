// A takeover's conversation, as text with descriptors between two ends in memory.
#include <sluice/net/message_channel.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/held_executor.h"
#include "net/test_channel.h"
#include "takeover/sending.h"
#include "takeover/takeover_messages.h"

#include <doctest/doctest.h>

namespace sluice::takeover {
namespace {

/// One process's end.
struct Side final : net::MessageReader {
  explicit Side(std::unique_ptr<net::MessageChannel> the_channel) : channel(std::move(the_channel)) {
    channel->start_reading(*this);
  }
  void send(const TakeoverMessage& message) const { channel->send(takeover_text(message).value()); }

  void on_message(net::Message message) override {
    auto parsed = parse_takeover(message.text);
    REQUIRE(parsed);
    heard.push_back(*std::move(parsed));
    descriptors.push_back(std::move(message.descriptors));
  }
  void on_end(Error why) override { end = std::move(why); }

  /// The message that came as number `index`, if it is one of these.
  template <class M>
  const M& as(size_t index) const {
    REQUIRE(index < heard.size());
    const M* message = std::get_if<M>(&heard[index]);
    REQUIRE(message != nullptr);
    return *message;
  }

  std::unique_ptr<net::MessageChannel> channel;
  std::vector<TakeoverMessage> heard;
  std::vector<std::vector<net::Descriptor>> descriptors;  // of each
  std::optional<Error> end;
};

struct Talk {
  void turn() { executor.pass(Duration{1}); }

  HeldExecutor executor;
  net::test::MemoryChannels channels{executor};
  Side predecessor{std::move(channels.one)};
  Side successor{std::move(channels.other)};
};

/// Each is another one.
net::Descriptor some_file() {
  return net::Descriptor(::memfd_create("test", MFD_CLOEXEC));
}

Address some_address() {
  return *Address::parse("192.0.2.7:4711");
}

proxy::MigratedConnection some_connection(const std::string& listener) {
  wire::Client client{.address = some_address(), .local = some_address()};
  client.ip = client.address.ip_text();
  return {.record = {.listener = listener, .at = {.client = client}}, .client = some_file()};
}

ino_t file_of(const net::Descriptor& descriptor) {
  struct stat about {};
  REQUIRE(::fstat(descriptor.get(), &about) == 0);
  return about.st_ino;
}

control::HandoffState handoff_of(size_t listeners) {
  control::HandoffState handoff;
  for (size_t i = 0; i < listeners; ++i) {
    handoff.sockets.push_back({{.name = "127.0.0.1:" + std::to_string(i)}, some_file()});
  }
  handoff.state.process = 17;
  handoff.state.saved.generation = 4;
  return handoff;
}

TEST_CASE("from hello to the first word of the active process, each side hears what the other has said") {
  Talk talk;
  const HelloMessage hello{.sluice = "1", .process = 18};
  talk.successor.send(hello);
  talk.turn();
  CHECK(talk.predecessor.as<HelloMessage>(0) == hello);
  REQUIRE(send_handoff_state(*talk.predecessor.channel, kNewestTakeover, handoff_of(2)));
  talk.turn();
  REQUIRE(talk.successor.heard.size() == 2);
  CHECK(talk.successor.as<SocketsMessage>(0).sockets[1].name == "127.0.0.1:1");
  CHECK(talk.successor.descriptors[0].size() == 2);
  const auto& state = talk.successor.as<StateMessage>(1);
  CHECK(state.version == kNewestTakeover);
  CHECK(state.state.process == 17);
  CHECK(state.state.saved.generation == 4);
  const ReadyMessage ready{.listeners = {"127.0.0.1:1"}, .admin = true, .room = 5};
  talk.successor.send(ready);
  talk.turn();
  CHECK(talk.predecessor.as<ReadyMessage>(1) == ready);
  const ActivateMessage activate{.predecessors = 2, .reload = true};
  talk.predecessor.send(activate);
  talk.turn();
  CHECK(talk.successor.as<ActivateMessage>(2) == activate);
}

TEST_CASE("more sockets than a message carries come in several, each with its own descriptors") {
  Talk talk;
  constexpr size_t kMany = net::kMostDescriptorsInMessage + 2;
  REQUIRE(send_handoff_state(*talk.predecessor.channel, kNewestTakeover, handoff_of(kMany)));
  talk.turn();
  REQUIRE(talk.successor.heard.size() == 3);
  size_t sockets = 0;
  for (const size_t message : {size_t{0}, size_t{1}}) {
    CHECK(talk.successor.as<SocketsMessage>(message).sockets.size() ==
          talk.successor.descriptors[message].size());
    sockets += talk.successor.descriptors[message].size();
  }
  CHECK(sockets == kMany);
  CHECK(talk.successor.as<StateMessage>(2).state.process == 17);
  CHECK_FALSE(talk.successor.end);
}

TEST_CASE("connections go as copies, a tunnel's with both its descriptors; the other says which it refuses") {
  Talk talk;
  std::vector<proxy::MigratedConnection> given;
  given.push_back(some_connection("a"));
  given.push_back(some_connection("b"));
  given[1].record.tunnel = {.head = "GET / HTTP/1.1\r\n\r\n", .pool = "shop", .backend = some_address()};
  given[1].backend = some_file();
  CHECK(send_connections(*talk.predecessor.channel, given) == 2);
  talk.turn();
  const auto& connections = talk.successor.as<ConnectionsMessage>(0).connections;
  REQUIRE(connections.size() == 2);
  CHECK(connections[0].listener == "a");
  CHECK_FALSE(connections[0].tunnel);
  REQUIRE(connections[1].tunnel);
  CHECK(connections[1].tunnel->pool == "shop");
  REQUIRE(talk.successor.descriptors[0].size() == 3);
  CHECK(file_of(talk.successor.descriptors[0][0]) == file_of(given[0].client));
  CHECK(file_of(talk.successor.descriptors[0][2]) == file_of(given[1].backend));
  const AcknowledgeMessage taken{.refused = {1}, .room = 7};
  talk.successor.send(taken);
  talk.turn();
  CHECK(talk.predecessor.as<AcknowledgeMessage>(0) == taken);
  for (const auto& connection : given) CHECK(connection.client.is_open());
}

TEST_CASE("a process that refuses and ends is heard; one that dies says nothing, and gets nothing more") {
  Talk refused;
  refused.successor.send(RefusedMessage{ErrorCode::invalid_config, "no"});
  refused.successor.channel.reset();
  refused.turn();
  CHECK(refused.predecessor.as<RefusedMessage>(0).message == "no");
  REQUIRE(refused.predecessor.end);
  CHECK(refused.predecessor.end->code == ErrorCode::closed);
  Talk died;
  died.successor.channel.reset();
  CHECK(died.predecessor.channel->is_broken());
  std::vector<proxy::MigratedConnection> given;
  given.push_back(some_connection("a"));
  CHECK(send_connections(*died.predecessor.channel, given) == 0);
  died.turn();
  CHECK(died.predecessor.heard.empty());
  CHECK(died.predecessor.end);
}

}  // namespace
}  // namespace sluice::takeover
