// One connection to a simulated backend, which reads requests strictly, and answers in every way there is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "link.h"
#include "message_reader.h"
#include "traffic.h"

namespace sluice::simulation {

class World;

class SimulatedBackend {
 public:
  /// `index`: the backend's, among the world's.
  SimulatedBackend(World& world, size_t index);

  Link& link() { return link_; }
  /// The backend does something: reads, answers, sends a piece, ends, breaks off.
  void step();
  bool is_over() const { return link_.has_closed() && link_.is_closed(); }
  /// It has the request, has not begun to answer, and Sluice waits for it.
  bool is_asked_for(const Request& request) const {
    return state_ == State::asked && request_ == &request && !link_.is_closed();
  }

 private:
  enum class State {
    resting,     // between requests
    asked,       // it has a request's head, and perhaps its body
    sending,     // the answer, or a 101
    echoing,     // what has come of a request that it gives back
    tunnel,      // after a 101
    reading_on,  // it has answered, and the request's end is to come
    finished,    // no request is to come any more
  };
  void receive();
  void receive_request(std::string_view& bytes);
  void receive_tunnel(std::string_view bytes);
  void began();
  void on_piece(size_t before);
  void send();
  void sent_all();
  void echo();
  void break_off();
  void answer();
  bool answer_wrongly();
  bool answer_interim();
  void give_back();
  void switch_protocols();
  void answer_in_order();
  std::string frame(std::string_view body);
  std::string own_fields();
  std::string forged();

  World& world_;
  size_t index_;
  Link link_;
  MessageReader reader_{MessageReader::Of::request};
  State state_ = State::resting;
  Request* request_ = nullptr;
  Answer* answer_ = nullptr;
  std::string out_;       // to be sent
  size_t head_left_ = 0;  // of an answer without framing, in out_
  std::string junk_;      // to be sent with the answer's last byte
  size_t body_sent_ = 0;  // of an answer without framing
  size_t echoed_ = 0;     // of the request's body
  size_t tunnel_in_ = 0;
  bool until_close_ = false;
  bool closes_ = false;  // behind the answer, whether or not it says so
  bool is_tunnel_next_ = false;
  bool gives_back_ = false;
  bool echoes_wrong_ = false;
};

}  // namespace sluice::simulation
