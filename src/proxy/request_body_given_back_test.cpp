// How a body goes on after a backend has given its request back (379): that backend sends the part that it
// got, and the client sends the rest.
#include <sluice/proxy/request_body.h>

#include <memory>
#include <string>
#include <utility>

#include "proxy/test_request_body.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using wire::Flow;

const std::string kTooFew =
    "lost:partial_post:the backend that gave the request back did not give back all of it ";
const std::string kTooMany =
    "lost:partial_post:the backend that gave the request back gave back more than it was sent ";

// ---- all of it comes back

TEST_CASE("the part that comes back goes first, and then the rest of the client's") {
  TestUpload run;
  TestBackend* const giver = run.give_back("hello");
  CHECK(run.given->is_stopped);
  CHECK_FALSE(run.body->is_replayable());
  CHECK_FALSE(run.client.source.is_read());
  run.client.source.say("world");
  CHECK_FALSE(run.body->is_at_hand());
  run.send_to(run.second);
  CHECK(run.to_second->body == "");
  CHECK_FALSE(run.client.source.is_read());
  giver->source.say("hel");
  CHECK(run.to_second->body == "hel");
  giver->source.say("lo");
  CHECK_FALSE(run.given->is_dropped);
  giver->source.end();
  CHECK(run.given->is_dropped);
  CHECK(run.to_second->body == "helloworld");
  run.client.source.end();
  CHECK(run.to_second->has_ended);
  CHECK(run.given->body == "hello");
  CHECK(run.said == "sent ");
}

TEST_CASE("a byte that comes back counts as moved, and was received once") {
  TestUpload run;
  TestBackend* const giver = run.give_back("hello");
  CHECK(run.moves == 1);
  run.send_to(run.second);
  giver->source.say("hello");
  CHECK(run.moves == 2);
  CHECK(run.flight.received == 5);
  giver->source.end();
  run.client.source.say("world");
  CHECK(run.flight.received == 10);
}

TEST_CASE("a body that was sent whole is given back whole") {
  TestUpload run;
  auto stream = std::make_unique<TestBackend>();
  run.body->send_to(*stream, Flow::open, 0);
  run.client.source.say("helloworld");
  run.client.source.end();
  CHECK(run.said == "sent ");
  TestBackend* const giver = run.take_back(std::move(stream), 0);
  CHECK(run.body->is_under_way());
  run.send_to(run.second);
  giver->source.say("helloworld");
  CHECK_FALSE(run.to_second->has_ended);
  giver->source.end();
  CHECK(run.to_second->body == "helloworld");
  CHECK(run.to_second->has_ended);
  CHECK(run.said == "sent sent ");
}

TEST_CASE("the part that comes back waits for the next backend") {
  TestUpload run;
  TestBackend* const giver = run.give_back("hello");
  run.second.sink.block();
  SUBCASE("until it has taken the head") {
    run.body->send_to(run.second, Flow::blocked, 0);
    giver->source.say("hello");
    CHECK(giver->source.unread() == "hello");
  }
  SUBCASE("until it has taken what came") {
    run.send_to(run.second);
    giver->source.say("hel");
    giver->source.say("lo");
    CHECK(giver->source.unread() == "lo");
  }
  CHECK_FALSE(giver->source.is_read());
  run.second.sink.open();
  CHECK(run.to_second->body == "hello");
}

TEST_CASE("while a part comes back it is not the client's turn, and then it is") {
  TestUpload run;
  TestBackend* const giver = run.give_back("hello");
  run.send_to(run.second);
  CHECK(run.body->is_under_way());
  CHECK_FALSE(run.body->waits_for_client());
  giver->source.say("hello");
  giver->source.end();
  CHECK(run.body->is_under_way());
  CHECK(run.body->waits_for_client());
}

// ---- not all of it, or more

TEST_CASE("a body is lost unless exactly what was sent comes back") {
  TestUpload run;
  TestBackend* const giver = run.give_back("hello");
  run.send_to(run.second);
  run.client.source.say("world");
  std::string lost = kTooFew;
  std::string passed_on;
  SUBCASE("nothing comes") {
    giver->source.end();
  }
  SUBCASE("too little comes") {
    passed_on = "hell";
    giver->source.say("hell");
    giver->source.end();
  }
  SUBCASE("it breaks off before its end") {
    passed_on = "hello";
    giver->source.say("hello");
    giver->source.end(Error{.code = ErrorCode::reset, .message = "broke", .origin = Origin::upstream});
  }
  SUBCASE("too much comes at once") {
    lost = kTooMany;
    giver->source.say("hello!");
  }
  SUBCASE("too much comes in the end") {
    lost = kTooMany;
    passed_on = "hello";
    giver->source.say("hello");
    giver->source.say("!");
  }
  CHECK(run.said == lost);
  CHECK(run.to_second->body == passed_on);
  CHECK_FALSE(run.to_second->has_ended);
  CHECK(run.given->is_dropped);
  CHECK_FALSE(run.body->is_under_way());
}

// ---- given back again

TEST_CASE("a body may be given back again once all of it has come back") {
  TestUpload run;
  CHECK(run.body->may_be_given_back());
  TestBackend* const giver = run.give_back("hello");
  CHECK_FALSE(run.body->may_be_given_back());
  run.send_to(run.second);
  giver->source.say("hell");
  CHECK_FALSE(run.body->may_be_given_back());
  giver->source.say("o");
  CHECK(run.body->may_be_given_back());
  giver->source.end();
  CHECK(run.body->may_be_given_back());
}

TEST_CASE("a second backend gives back all that it got, from the first and from the client") {
  TestUpload run;
  TestBackend* const giver = run.give_back("hello");
  auto next = std::make_unique<TestBackend>();
  run.send_to(*next);
  giver->source.say("hello");
  std::string all = "hello";
  SUBCASE("with a part of the client's") {
    giver->source.end();
    run.client.source.say("wor");
    all = "hellowor";
  }
  SUBCASE("before the first one has ended") {}
  const auto of_first = run.given;
  TestBackend* const second_giver = run.take_back(std::move(next), 1);
  CHECK(of_first->is_dropped);
  CHECK(run.given->is_stopped);
  run.send_to(run.second);
  second_giver->source.say(all);
  second_giver->source.end();
  CHECK(run.to_second->body == all);
  run.client.source.say("|");
  CHECK(run.to_second->body == all + "|");
  CHECK(run.flight.received == all.size() + 1);
}

// ---- at its backend

TEST_CASE("a body is in flight at the backend that gave it back, until all of it has come") {
  TestUpload run;
  CHECK_FALSE(run.body->is_at(*run.worker.states[1]));
  TestBackend* const giver = run.give_back("hello", 1);
  CHECK(run.body->is_at(*run.worker.states[1]));
  CHECK_FALSE(run.body->is_at(*run.worker.states[0]));
  CHECK(run.worker.states[1]->in_flight() == 1);
  run.send_to(run.second);
  giver->source.say("hello");
  CHECK(run.body->is_at(*run.worker.states[1]));
  giver->source.end();
  CHECK_FALSE(run.body->is_at(*run.worker.states[1]));
  CHECK(run.worker.states[1]->in_flight() == 0);
}

TEST_CASE("an attempt that ends before it was sent anything leaves the part for the next one") {
  TestUpload run;
  TestBackend* const giver = run.give_back("hello");
  run.body->stop();  // No connection was to be had.
  CHECK_FALSE(run.given->is_dropped);
  run.send_to(run.second);
  giver->source.say("hello");
  giver->source.end();
  CHECK(run.to_second->body == "hello");
}

TEST_CASE("an attempt that ends once it takes the part takes it along") {
  TestUpload run;
  TestBackend* const giver = run.give_back("hello");
  run.send_to(run.second);
  giver->source.say("hel");
  run.body->stop();
  CHECK(run.given->is_dropped);
  CHECK_FALSE(run.body->is_replayable());
  CHECK_FALSE(run.body->is_under_way());
  CHECK(run.worker.states[0]->in_flight() == 0);
  CHECK(run.said == "");
}

TEST_CASE("a body that is dropped drops the part, and calls nothing back") {
  TestUpload run;
  run.give_back("hello");
  bool is_destroyed = false;
  SUBCASE("before the next attempt") {}
  SUBCASE("before the next attempt, with the body itself") {
    is_destroyed = true;
  }
  SUBCASE("while it comes back") {
    run.send_to(run.second);
  }
  SUBCASE("while it waits for the next backend") {
    run.second.sink.block();
    run.body->send_to(run.second, Flow::blocked, 0);
  }
  is_destroyed ? run.body.reset() : run.body->drop();
  CHECK(run.given->is_dropped);
  CHECK(run.worker.states[0]->in_flight() == 0);
  run.second.sink.open();
  CHECK(run.to_second->body == "");
  CHECK(run.said == "");
}

}  // namespace
}  // namespace sluice::proxy
