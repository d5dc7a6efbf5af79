// A pool's health: how its backends are asked.
#include <sluice/base/text.h>

#include "config/parse.h"
#include "config/toml_writer.h"

namespace sluice::config {

void parse_health(Reader& pool, Health& health) {
  const Value* given = pool.take("health");
  if (given == nullptr) return;
  if (given->kind == Value::Kind::boolean) {
    health.enabled = given->flag;
    return;
  }
  if (given->kind != Value::Kind::table) {
    return pool.expected("health", "false or a table", given->kind_words());
  }
  Reader reader(*given, pool.key_path("health"), pool.report());
  reader.read("path", health.path);
  if (!health.path.starts_with('/') || health.path.find_first_of(" #") != std::string::npos) {
    reader.expected("path", "a path that begins with \"/\", without spaces and \"#\"",
                    concat({"\"", health.path, "\""}));
  }
  reader.read_duration("interval", health.interval);
  reader.read_duration("timeout", health.timeout);
  reader.read_number("rise", health.rise, 1, 1000);
  reader.read_number("fall", health.fall, 1, 1000);
  reader.read_number("expect", health.expect, 200, 599);
  reader.finish();
}

std::string health_text(const Health& health) {
  if (!health.enabled) return "false";
  return inline_table({{"path", quoted(health.path)},
                       {"interval", quoted(health.interval)},
                       {"timeout", quoted(health.timeout)},
                       {"rise", std::to_string(health.rise)},
                       {"fall", std::to_string(health.fall)},
                       {"expect", std::to_string(health.expect)}});
}

}  // namespace sluice::config
