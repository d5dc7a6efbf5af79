// What the tests of wire/ share.
#pragma once

#include <sluice/wire/body.h>

#include <string>

#include "wire/test_transport.h"

namespace sluice::wire {

/// Keeps a body.
class KeepingReceiver final : public wire::BodyReceiver {
 public:
  void on_body(wire::Slices pieces) override {
    for (const auto piece : pieces) body += piece;
  }
  void on_body_end(Result<void> how) override {
    ended = true;
    if (!how) error = how.error().message;
  }
  std::string body;
  std::string error;
  bool ended = false;
};

}  // namespace sluice::wire
