// Requests that a process which stops cannot answer any more, and what their clients get.
#pragma once

#include "fixtures.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {

/// A configuration in which a request to /queued waits for a backend that never comes.
inline std::string with_queue(const DemoApp& app) {
  return Proxy::pool({&app}) +
         "[pool.empty]\nbackends = []\nqueue = { timeout = \"1m\" }\n"
         "[[route]]\npool = \"shop\"\n[[route]]\npath = \"/queued\"\npool = \"empty\"\n";
}

/// One that waits for its backend's answer, one in the queue, and one whose body has not come.
struct Unanswered {
  explicit Unanswered(int port) : waiting(port), queued(port), uploading(port) {
    REQUIRE(waiting.send(get_request("/slow/60000")));
    REQUIRE(queued.send(get_request("/queued")));
    REQUIRE(uploading.send("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nsome"));
  }

  /// Each gets a 503 that says why, and leaves.
  void check_stopped() {
    for (RawClient* client : {&waiting, &queued, &uploading}) {
      const Response response = client->receive();
      CHECK_MESSAGE(response.status == 503, response.error);
      CHECK(says_close(response));
      for (const char* part : {"\r\nConnection: close\r\n",
                               "\r\nProxy-Status: sluice; error=proxy_internal_error; details=\"the process "
                               "stopped before there was "
                               "a response\"\r\n",
                               "\r\nRetry-After: 1\r\n"}) {
        CHECK_MESSAGE(has(response.head, part), response.head);
      }
      client->close();
    }
  }

  RawClient waiting, queued, uploading;
};

}  // namespace sluice::e2e
