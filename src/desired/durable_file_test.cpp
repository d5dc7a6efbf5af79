// A file that is replaced whole or not at all.
#include <sluice/desired/durable_file.h>

#include <sys/stat.h>

#include "desired/test_tools.h"

namespace sluice::desired {
namespace {

std::unique_ptr<DurableFile> opened(const std::string& path) {
  auto file = DurableFile::open(path);
  if (!file) FAIL(file.error().message);
  return *std::move(file);
}

TEST_CASE("what was written is there for the next one, and for no other user") {
  const TempDir directory;
  const std::string path = directory.path("state");
  CHECK_FALSE(opened(path)->read().value());
  CHECK(opened(path)->write("one"));
  CHECK(opened(path)->write("two"));
  CHECK(opened(path)->read().value() == "two");
  struct stat about {};
  REQUIRE(stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  CHECK(directory.names().size() == 2);  // And the lock.
}

TEST_CASE("two cannot have the same file, also after it was replaced") {
  const TempDir directory;
  const std::string path = directory.path("state");
  auto first = opened(path);
  REQUIRE(first->write("one"));
  const auto second = DurableFile::open(path, Duration::zero());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(second.error().message.find("another process has " + path) != std::string::npos);
  first.reset();
  CHECK(DurableFile::open(path));
}

TEST_CASE("a full disk is told, and leaves what was there") {
  const TempDir directory;
  const std::string path = directory.path("state");
  const auto file = opened(path);
  REQUIRE(file->write("before"));
  {
    const FullDisk full(4096);
    const auto written = file->write(std::string(10'000, 'x'));
    REQUIRE_FALSE(written);
    CHECK(written.error().code == ErrorCode::failed);
    CHECK(written.error().message == "cannot write " + path + ".new: File too large");
    CHECK(file->write("short"));
  }
  CHECK(text_of(path) == "short");
  CHECK(directory.names().size() == 2);
}

TEST_CASE("a directory that is gone is told, at opening and at writing") {
  const TempDir directory;
  CHECK(DurableFile::open(directory.path("no/state")).error().message ==
        "cannot open " + directory.path("no/state.lock") + ": No such file or directory");
  std::filesystem::create_directory(directory.path("sub"));
  const auto file = opened(directory.path("sub/state"));
  REQUIRE(file->write("before"));
  std::filesystem::rename(directory.path("sub"), directory.path("elsewhere"));
  CHECK(file->write("after").error().message.find("No such file or directory") != std::string::npos);
  std::filesystem::rename(directory.path("elsewhere"), directory.path("sub"));
  CHECK(text_of(directory.path("sub/state")) == "before");
  CHECK(file->write("after"));
}

TEST_CASE("what cannot be renamed over is told, and nothing is left beside it") {
  const TempDir directory;
  const auto file = opened(directory.path("state"));
  std::filesystem::create_directory(directory.path("state"));
  const auto written = file->write("x");
  CHECK(written.error().message.find("cannot rename") != std::string::npos);
  CHECK(directory.names().size() == 2);
  CHECK_FALSE(file->read());
}

TEST_CASE("what a crash left beside it is written over") {
  const TempDir directory;
  const auto file = opened(directory.path("state"));
  write_text(directory.path("state.new"), "half of a much longer te");
  REQUIRE(file->write("whole"));
  CHECK(text_of(directory.path("state")) == "whole");
}

TEST_CASE("a file that is set aside keeps its text, however many there are") {
  const TempDir directory;
  const auto file = opened(directory.path("state"));
  for (const std::string text : {"one", "two", "three"}) {
    write_text(directory.path("state"), text);
    const auto aside = file->set_aside();
    REQUIRE(aside);
    CHECK(aside->starts_with(directory.path("state.damaged-2")));
    CHECK(text_of(*aside) == text);
    CHECK_FALSE(file->read().value());
  }
  CHECK_FALSE(file->set_aside());
}

}  // namespace
}  // namespace sluice::desired
