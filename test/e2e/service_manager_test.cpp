// A service manager in small: what Sluice tells it, the sockets that it lends, and those that it keeps while
// a crashed process is started again.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <csignal>
#include <cstring>
#include <map>
#include <set>
#include <sstream>

#include "admin_session.h"
#include "fixtures.h"
#include "raw_client.h"
#include "reserved_port.h"
#include "successors.h"
#include "takeover_peer.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

uint64_t inode_of(int descriptor) {
  struct stat about {};
  REQUIRE(::fstat(descriptor, &about) == 0);
  return about.st_ino;
}

/// The notify socket, and the store of descriptors behind it.
class Manager {
 public:
  Manager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    held_.add(socket_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  std::string path() const { return directory_.path("notify"); }
  /// Everything that has been told by now, or until this has.
  bool has_heard(const std::string& line) {
    return eventually([&] {
      while (receive()) {
      }
      return heard_.contains(line);
    });
  }
  size_t count(const std::string& line) {
    while (receive()) {
    }
    return heard_.count(line);
  }
  /// What it keeps, by name; a socket twice is one.
  const std::map<std::string, std::map<uint64_t, int>>& kept() {
    while (receive()) {
    }
    return kept_;
  }
  /// For a process that it starts now.
  Inheritance inheritance() {
    Inheritance given{.variables = {{"NOTIFY_SOCKET", path()}, {"WATCHDOG_USEC", "300000"}}};
    for (const auto& [name, sockets] : kept()) {
      for (const auto& [inode, number] : sockets) given.descriptors.emplace_back(name, number);
    }
    return given;
  }

 private:
  bool receive() {
    std::array<char, 4096> bytes;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(253 * sizeof(int))> control;
    iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket_, &header, MSG_CMSG_CLOEXEC);
    if (size < 0) return false;
    std::vector<int> came;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
      came.resize((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      std::memcpy(came.data(), CMSG_DATA(part), came.size() * sizeof(int));
    }
    take(std::string(bytes.data(), static_cast<size_t>(size)), came);
    return true;
  }

  void take(const std::string& text, const std::vector<int>& came) {
    std::istringstream lines(text);
    std::string name;
    bool forgets = false;
    for (std::string line; std::getline(lines, line);) {
      heard_.insert(line.starts_with("MONOTONIC_USEC=") ? "MONOTONIC_USEC" : line);
      if (line.starts_with("FDNAME=")) name = line.substr(7);
      forgets = forgets || line == "FDSTOREREMOVE=1";
    }
    if (forgets) kept_.erase(name);
    for (const int number : came) {
      held_.add(number);
      kept_[name].emplace(inode_of(number), number);
    }
  }

  TempDir directory_;
  Descriptors held_;
  int socket_;
  std::multiset<std::string> heard_;
  std::map<std::string, std::map<uint64_t, int>> kept_;
};

/// Sluice as a service on a port that is known beforehand.
struct Service {
  explicit Service(int the_port = reserve_port()) : port(the_port) {
    write_config("[[listener]]\nbind = \"127.0.0.1:" + std::to_string(port) + "\"\n");
  }
  void write_config(const std::string& listeners) const {
    write_file(directory.path("sluice.toml"), "[server]\nadmin_socket = \"" + directory.path("admin") +
                                                  "\"\nworkers = 2\n" + listeners + Proxy::pool({&app}));
  }
  void start(const Inheritance& given) {
    process.emplace(std::vector<std::string>{sluice_binary(), "run", "-c", directory.path("sluice.toml")},
                    directory.path("log"), given);
    const bool answers = eventually([&] { return !process->is_running() || admin("status").exit_code == 0; });
    REQUIRE_MESSAGE((answers && process->is_running()), process->output());
  }
  Finished admin(const std::string& command) const {
    return run({"sh", "-c", sluice_binary() + " -s " + directory.path("admin") + " " + command});
  }

  TempDir directory;
  DemoApp app;
  int port;
  std::optional<Child> process;
};

TEST_CASE("the service manager is told of ready, reload, stop, and again and again that all is well") {
  Manager manager;
  Service service;
  service.start(manager.inheritance());
  CHECK(manager.has_heard("READY=1"));
  CHECK(manager.has_heard("MAINPID=" + std::to_string(service.process->pid())));
  CHECK(eventually([&] { return manager.count("WATCHDOG=1") >= 3; }));
  CHECK(service.admin("reload").exit_code == 0);
  CHECK(manager.has_heard("RELOADING=1"));
  CHECK(manager.has_heard("MONOTONIC_USEC"));
  CHECK(eventually([&] { return manager.count("READY=1") == 2; }));
  service.process->send_signal(SIGTERM);
  CHECK(manager.has_heard("STOPPING=1"));
  CHECK(service.process->wait() == 0);
}

TEST_CASE("a service manager that does not read holds nothing up, and hears all of it once it does") {
  Manager manager;
  Service service;
  service.start(manager.inheritance());
  REQUIRE(manager.has_heard("READY=1"));
  AdminSession session(service.directory.path("admin"));
  constexpr int kReloads = 400;  // far more messages than its queue takes
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kReloads; ++i) REQUIRE(session.ask("reload").starts_with("ok"));
  CHECK(std::chrono::steady_clock::now() - begin < kReloads * 50ms);
  CHECK(eventually([&] { return manager.count("RELOADING=1") == kReloads; }));
  CHECK(eventually([&] { return manager.count("READY=1") == kReloads + 1; }));
}

TEST_CASE("what a service manager has not read when the process ends waits for it, and not for ever") {
  Manager manager;
  Service service;
  service.start(manager.inheritance());
  REQUIRE(manager.has_heard("READY=1"));
  AdminSession session(service.directory.path("admin"));
  for (int i = 0; i < 100; ++i) REQUIRE(session.ask("reload").starts_with("ok"));
  service.process->send_signal(SIGTERM);
  const auto has_stopped = [&] {
    return service.process->output().find("requests accounted") != std::string::npos;
  };
  REQUIRE(eventually(has_stopped));
  SUBCASE("it reads") {
    CHECK(manager.has_heard("STOPPING=1"));
  }
  SUBCASE("it does not") {}
  CHECK(service.process->wait() == 0);
}

TEST_CASE("a crash loses no listening socket: who waits in its queue is answered by the next process") {
  Manager manager;
  Service service;
  service.start(manager.inheritance());
  const auto sockets = listening_inodes(service.port);
  REQUIRE(sockets.size() == 2);
  REQUIRE(
      eventually([&] { return manager.kept().size() == 1 && manager.kept().begin()->second.size() == 2; }));
  service.process->send_signal(SIGKILL);
  service.process->wait();
  CHECK(listening_inodes(service.port) == sockets);
  std::vector<RawClient> waiting;
  for (int i = 0; i < 50; ++i) {
    waiting.emplace_back(service.port);
    REQUIRE(waiting.back().send(get_request("/hello")));
  }
  service.start(manager.inheritance());
  for (RawClient& client : waiting) CHECK(client.receive().ok());
  CHECK(listening_inodes(service.port) == sockets);
}

TEST_CASE("a restart in order, too, goes on with the sockets that are kept") {
  Manager manager;
  Service service;
  service.start(manager.inheritance());
  const auto sockets = listening_inodes(service.port);
  service.process->send_signal(SIGTERM);
  CHECK(service.process->wait() == 0);
  service.start(manager.inheritance());
  CHECK(RawClient(service.port).get("/hello").ok());
  CHECK(listening_inodes(service.port) == sockets);
}

TEST_CASE("listeners that are gone from the configuration are not kept") {
  Manager manager;
  Service service;
  service.start(manager.inheritance());
  REQUIRE(eventually([&] { return manager.kept().size() == 1; }));
  service.write_config("[[listener]]\nbind = \"127.0.0.2:" + std::to_string(service.port) + "\"\n");
  REQUIRE(service.admin("reload").exit_code == 0);
  CHECK(eventually([&] {
    const auto& kept = manager.kept();
    return kept.size() == 1 && kept.begin()->first == "sluice-127.0.0.2_" + std::to_string(service.port);
  }));
}

TEST_CASE("a socket unit's socket is used by all workers, and left with its queue when the process stops") {
  Manager manager;
  Descriptors held;
  const int lent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  held.add(lent);
  REQUIRE(::listen(lent, 1024) == 0);  // On a port of the kernel's choice, on all addresses.
  Service service(port_of(lent));
  service.write_config("[[listener]]\nbind = \"0.0.0.0:" + std::to_string(service.port) + "\"\n");
  auto given = manager.inheritance();
  given.descriptors.emplace_back("sluice.socket", lent);
  service.start(given);
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(service.port);
    CHECK(clients.back().get("/hello").ok());
  }
  CHECK(listening_inodes(service.port).size() == 1);
  CHECK(manager.kept().empty());  // It is the manager's own.
  service.process->send_signal(SIGTERM);
  CHECK(service.process->wait() == 0);
  RawClient waiting(service.port);
  REQUIRE(waiting.send(get_request("/hello")));
  service.start(given);
  CHECK(waiting.receive().ok());
}

TEST_CASE(
    "a socket unit's socket that a reload takes away is left to the manager, and one that it names is used") {
  Manager manager;
  Descriptors held;
  const int lent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  held.add(lent);
  REQUIRE(::listen(lent, 1024) == 0);
  Service service;
  const int port = port_of(lent);
  const std::string own = "[[listener]]\nbind = \"127.0.0.1:" + std::to_string(service.port) + "\"\n";
  const std::string both = own + "[[listener]]\nbind = \"0.0.0.0:" + std::to_string(port) + "\"\n";
  service.write_config(own);
  auto given = manager.inheritance();
  given.descriptors.emplace_back("sluice.socket", lent);
  service.start(given);
  for (int i = 0; i < 3; ++i) {
    // Whoever connects while no listener names it waits in its queue for the one that does.
    RawClient waiting(port);
    REQUIRE(waiting.send(get_request("/hello")));
    service.write_config(both);
    CHECK(service.admin("reload").exit_code == 0);
    CHECK(waiting.receive().ok());
    service.write_config(own);
    CHECK(service.admin("reload").exit_code == 0);
    // It is passed on to the next process, too.
    CHECK(service.admin("upgrade").exit_code == 0);
  }
  CHECK(listening_inodes(port).size() == 1);
  CHECK(service.admin("stop").exit_code == 0);
  CHECK(eventually([&] { return service.admin("status").exit_code == 69; }));
}

TEST_CASE("the main process is the new one after an upgrade, and what is kept stays kept") {
  Manager manager;
  Service service;
  service.start(manager.inheritance());
  const auto sockets = listening_inodes(service.port);
  REQUIRE(service.admin("upgrade").exit_code == 0);
  const auto status = service.admin("status --json");
  const auto pid = parsed(status.output)["pid"].get<pid_t>();
  CHECK(manager.has_heard("MAINPID=" + std::to_string(pid)));
  CHECK(service.process->wait() == 0);
  CHECK(manager.count("STOPPING=1") == 0);
  const size_t before = manager.count("WATCHDOG=1");
  CHECK(eventually([&] { return manager.count("WATCHDOG=1") > before; }));
  ::kill(pid, SIGKILL);
  REQUIRE(eventually([&] { return service.admin("status").exit_code == 69; }));  // Nobody's child here.
  RawClient waiting(service.port);  // No process accepts, but the socket is there.
  REQUIRE(waiting.send(get_request("/hello")));
  service.start(manager.inheritance());
  CHECK(waiting.receive().ok());
  CHECK(listening_inodes(service.port) == sockets);
}

TEST_CASE("the main process is the one that stands by, until the new one has passed its probation") {
  Manager manager;
  Service service;
  const std::string listener = "[[listener]]\nbind = \"127.0.0.1:" + std::to_string(service.port) + "\"\n";
  service.write_config("probation = \"1m\"\n" + listener);
  service.start(manager.inheritance());
  const auto sockets = listening_inodes(service.port);
  const auto pid = [&] {
    const auto status = parsed(service.admin("status --json").output);
    return status.value("pid", 0);
  };
  const auto main_is = [](pid_t process) { return "MAINPID=" + std::to_string(process); };
  REQUIRE(service.admin("upgrade").exit_code == 0);
  const pid_t crashes = pid();
  ::kill(crashes, SIGKILL);
  REQUIRE(eventually([&] { return pid() == service.process->pid(); }));
  CHECK(manager.count(main_is(crashes)) == 0);
  REQUIRE(service.admin("upgrade").exit_code == 0);
  const pid_t returns = pid();
  REQUIRE(service.admin("upgrade --back").exit_code == 0);
  REQUIRE(eventually([&] { return pid() == service.process->pid(); }));
  CHECK(manager.count(main_is(returns)) == 0);
  REQUIRE(service.admin("upgrade").exit_code == 0);
  const pid_t passes = pid();
  CHECK(manager.count(main_is(passes)) == 0);
  REQUIRE(service.admin("upgrade --keep").exit_code == 0);
  CHECK(manager.has_heard(main_is(passes)));
  CHECK(service.process->wait() == 0);
  CHECK(manager.count("STOPPING=1") == 0);
  REQUIRE(manager.kept().size() == 1);
  CHECK(manager.kept().begin()->second.size() == 2);
  CHECK(listening_inodes(service.port) == sockets);
  CHECK(RawClient(service.port).get("/hello").ok());
  ::kill(passes, SIGKILL);
  CHECK(eventually([&] { return service.admin("status").exit_code == 69; }));
}

TEST_CASE(
    "what a new process on probation had taken out of the store is kept again once the old one goes on") {
  Manager manager;
  Service service;
  const auto listener = [](int port) {
    return "[[listener]]\nbind = \"127.0.0.1:" + std::to_string(port) + "\"\n";
  };
  const std::string first = "probation = \"1m\"\n" + listener(service.port);
  service.write_config(first + listener(reserve_port()));
  service.start(manager.inheritance());
  REQUIRE(eventually([&] { return manager.kept().size() == 2; }));
  REQUIRE(service.admin("upgrade").exit_code == 0);
  service.write_config(first);
  REQUIRE(service.admin("reload").exit_code == 0);
  CHECK(eventually([&] { return manager.kept().size() == 1; }));
  REQUIRE(service.admin("upgrade --back").exit_code == 0);
  CHECK(eventually([&] { return manager.kept().size() == 2; }));
  CHECK(service.admin("stop").exit_code == 0);
  CHECK(service.process->wait() == 0);
}

}  // namespace
}  // namespace sluice::e2e
