#include <sluice/base/text.h>
#include <sluice/desired/durable_file.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <thread>
#include <utility>

namespace sluice::desired {
namespace {

constexpr size_t kLongest = size_t{64} << 20;
constexpr mode_t kMode = 0600;

/// Of what just failed.
Error failed(std::string_view what, const std::string& path) {
  return {.code = ErrorCode::failed, .message = concat({what, " ", path, ": ", std::strerror(errno)})};
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  /// Some file systems report only here that the disk is full.
  bool close() {
    const int number = std::exchange(number_, -1);
    return number < 0 || ::close(number) == 0;
  }

 private:
  int number_;
};

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

Result<void> sync_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) return failed("cannot open", directory);
  // EINVAL: a file system that has nothing to sync here.
  if (::fsync(opened.get()) != 0 && errno != EINVAL) return failed("cannot sync", directory);
  return {};
}

/// As "20261103T121500Z".
std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc)};
}

/// Waits for a process that has the lock to be gone, for `patience` at most.
bool try_lock(int lock, Duration patience) {
  constexpr Duration kBetween{10};
  while (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || patience <= Duration::zero()) return false;
    std::this_thread::sleep_for(kBetween);
    patience -= kBetween;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<DurableFile>> DurableFile::open(std::string path, Duration patience) {
  const std::string lock_path = path + ".lock";
  int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  // A disk that became read-only can still be read.
  if (lock < 0 && errno == EROFS) lock = ::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return failed("cannot open", lock_path);
  std::unique_ptr<DurableFile> file(new DurableFile(std::move(path), lock));
  if (try_lock(lock, patience)) return file;
  if (errno != EWOULDBLOCK) return failed("cannot lock", lock_path);
  return Error{.code = ErrorCode::conflict,
               .message = concat({"another process has ", file->path_, " (it holds ", lock_path, ")"})};
}

std::unique_ptr<DurableFile> DurableFile::adopt(std::string path, net::Descriptor lock) {
  return std::unique_ptr<DurableFile>(new DurableFile(std::move(path), lock.release()));
}

DurableFile::~DurableFile() {
  ::close(lock_);
}

Result<std::optional<std::string>> DurableFile::read() {
  const int descriptor = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return std::optional<std::string>();
  if (descriptor < 0) return failed("cannot open", path_);
  const std::unique_ptr<FILE, int (*)(FILE*)> file(::fdopen(descriptor, "r"), &std::fclose);
  struct stat about {};
  if (!file || ::fstat(descriptor, &about) != 0) return failed("cannot open", path_);
  if (!S_ISREG(about.st_mode)) {
    return Error{.code = ErrorCode::failed, .message = concat({path_, " is no regular file"})};
  }
  std::string text;
  char buffer[4096];
  size_t size = 0;
  while ((size = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) {
    text.append(buffer, size);
    if (text.size() <= kLongest) continue;
    return Error{.code = ErrorCode::too_large, .message = concat({path_, " is longer than 64 MiB"})};
  }
  if (std::ferror(file.get()) != 0) return failed("cannot read", path_);
  content_ = text;
  return std::optional<std::string>(std::move(text));
}

Result<void> DurableFile::write_beside(std::string_view text) const {
  const auto give_up = [&](std::string_view what) {
    Error error = failed(what, beside());
    ::unlink(beside().c_str());
    return error;
  };
  // O_NONBLOCK: it does not wait for the reader of a pipe by this name.
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Descriptor file(::open(beside().c_str(), kFlags, kMode));
  if (!file.is_open()) return failed("cannot open", beside());
  if (!write_all(file.get(), text)) return give_up("cannot write");
  if (::fsync(file.get()) != 0) return give_up("cannot sync");
  if (!file.close()) return give_up("cannot close");
  return {};
}

Result<void> DurableFile::prove(std::string_view text) const {
  auto written = write_beside(text);
  if (written) ::unlink(beside().c_str());
  return written;
}

Result<void> DurableFile::replace(std::string_view text) {
  if (auto written = write_beside(text); !written) return written;
  if (::rename(beside().c_str(), path_.c_str()) == 0) return {};
  Error error = failed("cannot rename", beside());
  ::unlink(beside().c_str());
  return error;
}

Result<void> DurableFile::write(std::string_view text) {
  if (text.size() > kLongest) {
    return Error{.code = ErrorCode::failed, .message = concat({path_, " would be longer than 64 MiB"})};
  }
  if (auto replaced = replace(text); !replaced) return replaced;
  if (auto synced = sync_directory_of(path_); !synced) {
    put_back();
    return synced;
  }
  content_ = std::string(text);
  return {};
}

/// The new file is there, but may not last: what was refused must not come back at the next start.
void DurableFile::put_back() {
  if (!content_) {
    ::unlink(path_.c_str());
  } else {
    static_cast<void>(replace(*content_));
  }
}

Result<std::string> DurableFile::set_aside() {
  const std::string wanted = concat({path_, ".damaged-", time_now()});
  std::string aside = wanted;
  for (int i = 2; ::access(aside.c_str(), F_OK) == 0; ++i) aside = concat({wanted, "-", std::to_string(i)});
  if (::rename(path_.c_str(), aside.c_str()) != 0) return failed("cannot rename", path_);
  content_.reset();
  return aside;
}

Result<std::unique_ptr<StateStore::File>> DiskStore::open(std::string path) {
  auto opened = DurableFile::open(std::move(path));
  if (!opened) return std::move(opened).error();
  return std::unique_ptr<File>(*std::move(opened));
}

std::unique_ptr<StateStore::File> DiskStore::adopt(std::string path, net::Descriptor lock) {
  return DurableFile::adopt(std::move(path), std::move(lock));
}

}  // namespace sluice::desired
