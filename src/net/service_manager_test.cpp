// What a service manager receives, and what it gives, with a datagram socket in its place.
#include <sluice/net/service_manager.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <deque>

#include "net/passed_descriptors.h"
#include "net/test_tools.h"

namespace sluice::net {
namespace {

/// Set for the test alone.
class Environment {
 public:
  Environment(std::initializer_list<std::pair<const char*, std::string>> variables) {
    for (const auto& [name, value] : variables) {
      ::setenv(name, value.c_str(), 1);
      names_.push_back(name);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const char* name : names_) ::unsetenv(name);
  }

 private:
  std::vector<const char*> names_;
};

/// Receives what is sent to it.
struct Manager {
  explicit Manager(const std::string& name)
      : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  }
  std::string hear() {
    std::array<char, 4096> bytes;
    ControlBuffer control;
    iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    const ssize_t size = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
    take_descriptors(header, descriptors);
    return size < 0 ? "nothing" : std::string(bytes.data(), static_cast<size_t>(size));
  }
  Descriptor socket;
  std::deque<Descriptor> descriptors;
};

using test::inode;
using test::RawSocket;
using Role = ServiceManager::Role;

TEST_CASE("the manager that the environment names is told, on a path or an abstract name") {
  const test::TemporaryFolder folder;
  for (const std::string& name : {folder.file("notify"), "@sluice-test-" + std::to_string(::getpid())}) {
    Manager manager(name);
    const Environment environment({{"NOTIFY_SOCKET", name}});
    ServiceManager::from_environment(Role::first).tell("READY=1\nSTATUS=fine");
    CHECK(manager.hear() == "READY=1\nSTATUS=fine");
  }
}

TEST_CASE("without a manager, or with one that is gone, nothing happens") {
  ServiceManager().tell("READY=1");
  const Environment environment({{"NOTIFY_SOCKET", "/nowhere/at/all"}});
  ServiceManager::from_environment(Role::first).tell("READY=1");
}

TEST_CASE("descriptors are kept under a name, and forgotten") {
  const test::TemporaryFolder folder;
  Manager manager(folder.file("notify"));
  const Environment environment({{"NOTIFY_SOCKET", folder.file("notify")}});
  const auto told = ServiceManager::from_environment(Role::first);
  const auto first = test::listen();
  const auto second = test::listen();
  told.keep("web", {first.descriptor(), second.descriptor()});
  CHECK(manager.hear() == "FDSTORE=1\nFDNAME=web");
  REQUIRE(manager.descriptors.size() == 2);
  CHECK(inode(manager.descriptors[0].get()) == inode(first.descriptor()));
  CHECK(inode(manager.descriptors[1].get()) == inode(second.descriptor()));
  told.forget("web");
  CHECK(manager.hear() == "FDSTOREREMOVE=1\nFDNAME=web");
  told.keep("nothing", {});
  CHECK(manager.hear() == "nothing");
}

TEST_CASE("a name for a descriptor has no character that may not be in one") {
  CHECK(descriptor_name("[::1]:80 \x01\xff") == "[__1]_80___");
  CHECK(descriptor_name(std::string(300, 'a')).size() == 255);
}

TEST_CASE("the watchdog is for the process that it names, and for its successor") {
  const std::string own = std::to_string(::getpid());
  const auto watchdog = [](const std::string& pid, Role role) {
    const Environment environment({{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", pid}});
    return ServiceManager::from_environment(role).watchdog();
  };
  CHECK(watchdog(own, Role::first) == Duration{3000});
  CHECK_FALSE(watchdog("1", Role::first));
  CHECK(watchdog("1", Role::successor) == Duration{3000});
  const Environment nonsense({{"WATCHDOG_USEC", "soon"}});
  CHECK_FALSE(ServiceManager::from_environment(Role::first).watchdog());
}

TEST_CASE("a manager that does not read is not waited for, and gets the messages in their order later") {
  const test::TemporaryFolder folder;
  Manager reader(folder.file("notify"));
  const Environment environment({{"NOTIFY_SOCKET", folder.file("notify")}});
  auto manager = ServiceManager::from_environment(Role::first);
  int waiting = 0;
  manager.on_waiting([&] { ++waiting; });
  int sent = 0;
  while (waiting == 0 && sent < 10'000) manager.tell("STATUS=" + std::to_string(sent++));
  REQUIRE(waiting == 1);
  const auto kept = test::listen();
  const auto closed = test::listen();
  manager.tell("WATCHDOG=1");
  manager.keep("web", {kept.descriptor()});
  manager.keep("gone", {closed.descriptor()});
  manager.forget("gone");
  CHECK_FALSE(manager.send_waiting());
  std::vector<std::string> heard;
  while (!manager.send_waiting()) heard.push_back(reader.hear());
  for (auto text = reader.hear(); text != "nothing"; text = reader.hear()) heard.push_back(text);
  std::vector<std::string> expected;
  for (int i = 0; i < sent; ++i) expected.push_back("STATUS=" + std::to_string(i));
  expected.emplace_back("FDSTORE=1\nFDNAME=web");
  expected.emplace_back("FDSTOREREMOVE=1\nFDNAME=gone");
  CHECK(heard == expected);
  REQUIRE(reader.descriptors.size() == 1);
  CHECK(inode(reader.descriptors.front().get()) == inode(kept.descriptor()));
}

TEST_CASE("sockets for another process are left alone") {
  const Environment environment({{"LISTEN_FDS", "1"}, {"LISTEN_PID", "1"}});
  CHECK(ServiceManager::from_environment(Role::first).take_given().empty());
}

TEST_CASE("a socket that refused new connections takes them again once it is adopted") {
  auto before = test::listen();
  before.refuse_new_connections();
  const RawSocket refused = RawSocket::connecting(before.address());
  CHECK_FALSE(refused.is_connected(test::kShort));
  auto copy = Descriptor::duplicate_of(before.descriptor());
  REQUIRE(copy);
  const auto after = ListeningSocket::adopt(*std::move(copy));
  REQUIRE(after);
  CHECK(RawSocket::connecting(after->address()).is_connected(test::kLong));
}

TEST_CASE("a socket tells whether another can share its address") {
  const test::TemporaryFolder folder;
  CHECK(test::listen(test::any_port(), Sharing::reuse_port).shares_address());
  CHECK_FALSE(test::listen().shares_address());
  CHECK_FALSE(test::listen(folder.address(), Sharing::reuse_port).shares_address());
}

}  // namespace
}  // namespace sluice::net
