// An upload that its backend has given back: the part that comes back, on its way to another backend.
#pragma once

#include <sluice/upstream/pool.h>
#include <sluice/wire/body.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace sluice::proxy {

/// The backend's stream is the source of the first part of the body; the client is that of the rest.
struct PartialPost {
  PartialPost(upstream::Lease the_lease, std::unique_ptr<wire::ClientStream> the_backend, uint64_t sent)
      : lease(std::move(the_lease)), backend(std::move(the_backend)), missing(sent) {}

  upstream::Lease lease;  // Of the backend that has given it back, and sends still.
  std::unique_ptr<wire::ClientStream> backend;
  uint64_t missing;  // bytes that it was sent and that have not come back
  bool has_begun = false;
  wire::Pump pump;  // The last: it uses the backend.
};

}  // namespace sluice::proxy
