// How listeners go, where no worker accepts: what is open, and for how long.
#include <sluice/listeners/listeners.h>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/held_executor.h"
#include "base/remembering_log.h"

#include <doctest/doctest.h>

namespace {

/// Whether the kernel refuses to bind a socket to an interface, as it does without privileges once it is
/// bound to one.
thread_local bool refuses_interfaces = false;

}  // namespace

/// In place of the C library's.
extern "C" int setsockopt(int socket, int level, int option, const void* value, socklen_t size) noexcept {
  if (refuses_interfaces && level == SOL_SOCKET && option == SO_BINDTOIFINDEX) {
    errno = EPERM;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_setsockopt, socket, level, option, value, size));
}

namespace sluice::listeners {
namespace {

struct Open {
  Open() {
    auto socket = net::ListeningSocket::open(*Address::parse("127.0.0.1:0"), net::Sharing::reuse_port);
    REQUIRE(socket);
    auto listener = std::make_shared<ListenerSockets>();
    listener->address = socket->address();
    listener->sockets.push_back(std::make_unique<net::ListeningSocket>(*std::move(socket)));
    address = listener->address;
    listening.wait_for_word();
    listening.change({{"a", std::move(listener)}});
  }
  bool is_open() const { return !net::ListeningSocket::check_free(address); }

  HeldExecutor executor;
  RememberingLog log;
  workers::Workers workers{executor, log, [](unsigned) -> proxy::ServiceSettings { std::abort(); },
                           [](unsigned) {}};
  Listeners listening{executor, log, workers};
  Address address;
};

TEST_CASE("what is left to another process is closed in time, whether or not the kernel lets it yield") {
  for (const bool refuses : {false, true}) {
    CAPTURE(refuses);
    Open at;
    refuses_interfaces = refuses;
    at.listening.suspend({}, Clients::finish);
    CHECK(at.is_open());
    at.executor.pass(kSuccession + kHalfOpen);
    CHECK_FALSE(at.is_open());
    refuses_interfaces = false;
  }
}

}  // namespace
}  // namespace sluice::listeners
