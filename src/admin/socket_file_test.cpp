// The admin socket's directory and permissions.
#include "admin/socket_file.h"

#include <sluice/base/check.h>
#include <sluice/net/listening_socket.h>

#include <sys/stat.h>
#include <unistd.h>

#include "desired/test_tools.h"

namespace sluice::admin {
namespace {

using desired::TempDir;

mode_t mode_of(const std::string& path) {
  struct stat file {};
  REQUIRE(::stat(path.c_str(), &file) == 0);
  return file.st_mode & 07777;
}

TEST_CASE("the directory alone is made, for others to pass whatever the umask is") {
  const TempDir directory;
  const mode_t before = ::umask(0077);
  CHECK(make_directory_of(directory.path("new/admin.sock")));
  CHECK(mode_of(directory.path("new")) == 0755);
  CHECK(make_directory_of(directory.path("new/admin.sock")));
  ::umask(before);
  const auto deep = make_directory_of(directory.path("no/such/admin.sock"));
  REQUIRE_FALSE(deep);
  CHECK(deep.error().message.find(directory.path("no/such")) != std::string::npos);
  CHECK(deep.error().message.find("admin_socket = ") != std::string::npos);
  CHECK(make_directory_of("relative.sock"));
  CHECK(make_directory_of("/at-the-root.sock"));
}

TEST_CASE("the socket's file gets the mode and the group that are set") {
  const TempDir directory;
  const std::string path = directory.path("s");
  const auto socket = net::ListeningSocket::open(Address::local(path), net::Sharing::alone);
  REQUIRE(socket);
  config::Server settings{.admin_socket = path, .admin_socket_mode = 0660};
  settings.admin_socket_group = std::to_string(::getegid());
  auto access = SocketAccess::of(settings);
  REQUIRE(access);
  CHECK(access->group == ::getegid());
  CHECK(give_access(path, *access));
  CHECK(mode_of(path) == 0660);
  if (::geteuid() == 0) {
    CHECK(give_access(path, {.mode = 0620, .group = 12345}));
    struct stat file {};
    REQUIRE(::stat(path.c_str(), &file) == 0);
    CHECK(file.st_gid == 12345);
  }
  CHECK(give_access(path, {}));
  CHECK(mode_of(path) == 0600);
  settings.admin_socket_group = "no-such-group-here";
  access = SocketAccess::of(settings);
  REQUIRE_FALSE(access);
  CHECK(access.error().code == ErrorCode::invalid_config);
}

}  // namespace
}  // namespace sluice::admin
