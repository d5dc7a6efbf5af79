#include "successors.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <regex>
#include <sstream>

namespace sluice::e2e {

pid_t pid_of(const Proxy& proxy) {
  return proxy.json("status")["pid"].get<pid_t>();
}

pid_t peer_of_admin_socket(const Proxy& proxy) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  proxy.socket_path().copy(address.sun_path, sizeof address.sun_path - 1);
  ucred peer{};
  socklen_t size = sizeof peer;
  const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  }
  ::close(connection);
  return peer.pid;
}

std::set<uint64_t> listening_inodes(int port) {
  std::set<uint64_t> inodes;
  std::ifstream table("/proc/net/tcp");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream in(line);
    std::string slot, local, remote, state, queues, timer, retransmits;
    uint64_t user = 0, timeout = 0, inode = 0;
    in >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode;
    const bool listens = state == "0A" && std::stoi(local.substr(local.find(':') + 1), nullptr, 16) == port;
    if (listens) inodes.insert(inode);
  }
  return inodes;
}

Successors::Successors(Proxy& proxy) : proxy_(proxy) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // They are ours to wait for once their own parents are gone.
}

std::vector<pid_t> Successors::all() const {
  std::vector<pid_t> pids;
  const std::string log = proxy_.log();
  const std::regex started("upgrade started.*new_pid=(\\d+)");
  for (std::sregex_iterator it(log.begin(), log.end(), started), end; it != end; ++it) {
    pids.push_back(std::stoi((*it)[1]));
  }
  return pids;
}

std::vector<pid_t> Successors::living() const {
  std::vector<pid_t> pids = all();
  std::erase_if(pids, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) == pid || kill(pid, 0) != 0; });
  return pids;
}

Successors::~Successors() {
  for (const pid_t pid : living()) kill(pid, SIGKILL);
  eventually([this] { return living().empty(); });
}

}  // namespace sluice::e2e
