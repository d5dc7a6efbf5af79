// The listeners that one worker serves, with the connections that have come by each, and the connections
// whose listener is gone: they move to another owner, or end.
#pragma once

#include <sluice/config/config.h>
#include <sluice/entrance/entrance.h>
#include <sluice/net/network.h>
#include <sluice/proxy/service.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "proxy/client_connection.h"
#include "proxy/listener_names.h"

namespace sluice::proxy {

/// Connections count in ClientContext: those that still arrive, too. Service says what its methods of the
/// same names promise.
class ServedListeners {
 public:
  /// `on_accepted` runs for each new client.
  ServedListeners(net::Network& network, ClientContext& context,
                  const wire::MakeServerConnection& make_connection, std::function<void()> on_accepted);
  ~ServedListeners() { close_all(); }
  ServedListeners(const ServedListeners&) = delete;
  ServedListeners& operator=(const ServedListeners&) = delete;

  /// What the newest configuration wants of listeners, and calls them.
  void configure(const config::Config& config);

  void listen(const std::string& id, const net::ListeningSocket& socket);
  void stop_accepting(const std::string& id, const net::ListeningSocket& socket);
  void stop_listening(const std::string& id, Service::Queue queue);
  void drain();
  void pause();
  void resume();
  /// Nowhere.
  void accept_no_more();

  /// A connection of another owner's, which its caller begins. `stays`: as if it had been accepted here; else
  /// it is to end.
  ClientConnection& add(std::unique_ptr<wire::ServerConnection> connection, const std::string& listener,
                        bool stays);
  /// The same, with one that has not arrived.
  void add_arrival(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from,
                   const std::string& listener, bool stays);

  void migrate(const std::string& id);
  void migrate_all();
  void stop_migrating();
  void retire_left();
  void cancel_migration();

  void answer_all();
  void close_all();

 private:
  using Patience = ClientConnection::Patience;

  /// One listener's.
  struct Share final : entrance::EntranceOwner {
    Share(ServedListeners& the_all, ListenerName the_name);
    void on_accepted() override { all.on_accepted_(); }
    void on_open(std::unique_ptr<wire::ServerConnection> connection) override;
    void on_lost() override;
    void retire(Patience how);

    ServedListeners& all;
    ListenerName name;
    entrance::Entrance entrance;
    ClientConnections connections;
    // Once the listener is gone, what becomes of those that still arrive, as of ClientConnection.
    bool is_gone = false;
    bool moves = false;                      // in one of the next turns
    const std::string* to_move = nullptr;    // the listener, when they are to move
    std::optional<Patience> retires;         // when they are to end
    std::optional<TimePoint> tunnel_ends{};  // what becomes a tunnel
  };
  using Shares = std::map<std::string, std::unique_ptr<Share>>;

  Share& share_of(const std::string& id);
  static void configure(const std::string& id, Share& share, const config::Config& config);
  const config::Config& config() const { return context_.generation->shared->config(); }
  void place(Share& share, ClientConnection& connection);
  void leave(Shares::iterator share);
  void forget(const Share& share);
  void stop_listening(Shares::iterator share, Service::Queue queue);
  const std::string& name_of_migrated(const std::string& listener);
  void migrate(Shares::iterator share);
  bool is_moving() const;
  void move_some();
  bool move_arrival();
  void close_arrivals();
  ClientConnection* any_connection();

  net::Network& network_;
  ClientContext& context_;
  const wire::MakeServerConnection& make_connection_;
  std::function<void()> on_accepted_;
  ListenerNames names_;
  Shares shares_;
  std::list<std::string> migrated_;         // listeners, which the connections that move refer to
  std::list<std::unique_ptr<Share>> gone_;  // with those that still arrive
  ClientConnections moving_;                // to be moved in one of the next turns
  ClientConnections left_;  // of listeners that are gone; some are to move as soon as they can
};

}  // namespace sluice::proxy
