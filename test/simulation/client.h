// A client with some requests on its mind, on one connection to Sluice.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "link.h"
#include "message_reader.h"
#include "traffic.h"

namespace sluice::simulation {

class World;

class SimulatedClient {
 public:
  SimulatedClient(World& world, std::vector<Request*> requests);

  Link& link() { return link_; }
  const Link& link() const { return link_; }
  /// Something happens to it, by the world's dice.
  void step();
  bool is_over() const { return link_.has_closed() && link_.is_closed(); }
  /// Sluice was made to cut it off.
  void cut_off() { is_disturbed_ = true; }

  /// Answers of backends' that it has got whole, tunnels included.
  size_t answered_by_backends() const { return by_backends_; }
  /// Answers that it may not have got, though Sluice has given them.
  size_t in_doubt() const;

 private:
  void receive();
  void receive_tunnel(std::string_view bytes);
  void on_message();
  void on_final();
  void on_end();
  void send();
  void send_tunnel();
  void leave();
  bool may_begin_next() const;

  World& world_;
  Link link_;
  std::vector<Request*> requests_;
  MessageReader reader_{MessageReader::Of::response};
  size_t sending_ = 0;  // the request
  size_t sent_ = 0;     // of its bytes
  size_t answered_ = 0;
  size_t by_backends_ = 0;
  std::string_view tunnel_out_;
  size_t tunnel_in_ = 0;
  bool pipelines_;
  bool may_go_on_ = false;   // with a body, without or after a 100
  bool is_closing_ = false;  // the last answer says so
  bool is_tunnel_ = false;
  bool is_head_refused_ = false;
  bool is_disturbed_ = false;  // it left early, or Sluice was made to cut it off
};

}  // namespace sluice::simulation
