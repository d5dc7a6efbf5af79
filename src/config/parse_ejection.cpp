// A pool's ejection and drain_header: what it learns of backends from its traffic.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <array>

#include "config/parse.h"
#include "config/toml_writer.h"

namespace sluice::config {
namespace {

constexpr unsigned kMostInARow = 1'000'000;
constexpr std::array<std::string_view, 3> kStatuses = {"none", "gateway", "5xx"};

}  // namespace

void parse_ejection(Reader& pool, Ejection& ejection) {
  const Value* given = pool.take("ejection");
  if (given == nullptr) return;
  if (given->kind == Value::Kind::boolean) {
    ejection.enabled = given->flag;
    return;
  }
  if (given->kind != Value::Kind::table) {
    return pool.wrong_kind("ejection", "true, false or a table", *given);
  }
  ejection.enabled = true;
  Reader reader(*given, pool.key_path("ejection"), pool.report());
  reader.read_number("failures", ejection.failures, 1, kMostInARow);
  if (const auto word = reader.read_word("statuses", {kStatuses.begin(), kStatuses.end()})) {
    ejection.statuses = static_cast<FailureStatuses>(*word);
  }
  reader.read_duration("time", ejection.time);
  reader.read_duration("most_time", ejection.most_time);
  if (ejection.most_time < ejection.time) {
    reader.expected("most_time", "at least time", concat({"\"", duration_text(ejection.most_time), "\""}));
  }
  reader.read_number("share", ejection.share, 1, 100);
  reader.finish();
}

void parse_drain_header(Reader& pool, DrainHeader& header) {
  const Value* given = pool.take("drain_header");
  if (given == nullptr) return;
  if (given->kind == Value::Kind::table) {
    Reader reader(*given, pool.key_path("drain_header"), pool.report());
    if (!reader.has("name")) reader.problem("name", "expected the name of a field, such as \"X-Draining\"");
    if (reader.read("name", header.name)) check_field_name(reader, "name", header.name);
    reader.read_duration("hold", header.hold);
    return reader.finish();
  }
  const std::string* name = pool.text_of("drain_header", *given, "the name of a field, or a table");
  if (name == nullptr) return;
  header.name = *name;
  check_field_name(pool, "drain_header", header.name);
}

std::string ejection_text(const Ejection& ejection) {
  if (!ejection.enabled) return "false";
  return inline_table({{"failures", std::to_string(ejection.failures)},
                       {"statuses", in_quotes(kStatuses[static_cast<size_t>(ejection.statuses)])},
                       {"time", in_quotes(ejection.time)},
                       {"most_time", in_quotes(ejection.most_time)},
                       {"share", std::to_string(ejection.share)}});
}

std::string drain_header_text(const DrainHeader& header) {
  return inline_table({{"name", in_quotes(header.name)}, {"hold", in_quotes(header.hold)}});
}

}  // namespace sluice::config
