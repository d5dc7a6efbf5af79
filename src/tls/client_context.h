// What is behind the contexts and sessions of tls/client.h.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/tls/client.h>

#include "tls/library.h"

namespace sluice::tls {

struct Session::Impl {
  SslSessionPtr kept;
  TimePoint verified{};  // when the server's certificate was looked at
};

struct ClientContext::Impl {
  SslContextPtr context;
};

}  // namespace sluice::tls
