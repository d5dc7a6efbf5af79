// [errors]: pages in place of Sluice's own short bodies. They are read with the file that names them, so that
// a missing one changes nothing, and no worker ever opens one.
#include <sluice/base/text.h>

#include <filesystem>

#include "config/file.h"
#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr uint64_t kLongestPage = uint64_t{1} << 20;

/// Three digits, from 400 to 599.
std::optional<int> status_of(std::string_view key) {
  const auto status = parse_unsigned(key);
  if (key.size() != 3 || !status || *status < 400 || *status > 599) return std::nullopt;
  return static_cast<int>(*status);
}

std::string content_type(const std::filesystem::path& path) {
  const std::string extension = to_lower(path.extension().string());
  if (extension == ".html" || extension == ".htm") return "text/html";
  return extension == ".json" ? "application/json" : "text/plain";
}

std::shared_ptr<const ErrorPage> parse_page(Reader& reader, const std::string& key) {
  std::string given;
  if (!reader.read(key, given)) return nullptr;
  if (given.empty()) {
    reader.problem(key, "expected the path of a file");
    return nullptr;
  }
  const std::filesystem::path path = path_beside(reader.report().file, given);
  auto body = read_regular_file(path.string(), kLongestPage);
  if (!body) {
    reader.problem(key, concat({"cannot read \"", path.string(), "\": ", body.error().message}));
    return nullptr;
  }
  return std::make_shared<const ErrorPage>(
      ErrorPage{.path = path.string(), .content_type = content_type(path), .body = *std::move(body)});
}

}  // namespace

void parse_errors(Reader& root, Config& config) {
  auto reader = root.sub("errors");
  if (!reader) return;
  for (const Value& given : reader->elements()) {
    const auto status = status_of(given.key);
    if (!status) {
      reader->report().add(given.key_place, reader->key_path(given.key),
                           "expected a status from 400 to 599, such as 503 = \"errors/503.html\"");
      continue;
    }
    if (auto page = parse_page(*reader, given.key)) config.errors[*status] = std::move(page);
  }
}

}  // namespace sluice::config
