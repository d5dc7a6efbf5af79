// TOML in, a Config or every error of the file out.
#pragma once

#include <sluice/base/result.h>
#include <sluice/config/config.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::config {

/// One thing wrong with a file. line and column count from 1; 0 when the whole file is meant.
struct Problem {
  std::string file{};
  unsigned line = 0;
  unsigned column = 0;
  std::string key{};      ///< the dotted key, as "pool.shop.health.interval"; may be empty
  std::string message{};  ///< what is wrong, what was expected, and a hint where there is one

  /// "sluice.toml:7:12: pool.shop.health.interval: ..."
  std::string text() const;
  bool operator==(const Problem&) const = default;
};

/// Everything wrong with it, in the order of the file; never empty.
using Problems = std::vector<Problem>;

/// What a file says and config/ alone cannot judge. Without a judge it passes.
struct Checks {
  /// Why a text is no list of certificates in PEM.
  Result<void> (*certificates)(std::string_view pem) = nullptr;
};

/// A valid Config, or every problem at once. Error pages and certificates are read here, as files
/// beside `file_name`.
std::variant<Config, Problems> parse(std::string_view toml, std::string_view file_name,
                                     const Checks& checks = {});

/// Which files load() reads. A process that starts may get its configuration through a pipe, and waits for
/// it; one that serves must not wait, and a pipe cannot be read a second time.
enum class FileKind { any, regular };

/// The same from a file; a file that cannot be read is one Problem.
std::variant<Config, Problems> load(const std::string& path, const Checks& checks = {},
                                    FileKind kind = FileKind::any);

/// A configuration as TOML with all defaults filled in, as `config show` prints it. parse() of it gives it
/// back.
std::string to_toml(const Config& config);

/// What of a valid configuration is probably not meant so; a line each.
std::vector<std::string> warnings(const Config& config);

/// All problems as one Error of code invalid_config, a line each.
Error as_error(const Problems& problems);

/// What holds for a backend wherever it was named, by a file or a command: its port, weight and version. The
/// error says what was expected.
Result<void> check_backend(const Backend& backend);

/// What holds for a split wherever it was said: some weight, and none above 1000. The error says what was
/// expected.
Result<void> check_split(const std::vector<PoolShare>& split);

/// The pools of a route with their parts: of one with a single pool, all of it.
std::vector<PoolShare> shares(const Route& route);
/// `blue=90 green=10`; with one pool alone, its name.
std::string shares_text(const std::vector<PoolShare>& shares);

/// "250ms", "30s", "5m", "1h" (also "1.5s"); the error says what was expected.
Result<Duration> parse_duration(std::string_view text);
/// "512B", "64KiB", "10MiB", "1GiB" (and kB, MB, GB of 1000).
Result<uint64_t> parse_size(std::string_view text);
/// The shortest exact spelling: "30s", "1500ms".
std::string duration_text(Duration duration);
std::string size_text(uint64_t bytes);

}  // namespace sluice::config
