// request_fields and response_fields of a route: which fields of a head go, are replaced or are added.
#include <sluice/base/text.h>

#include <algorithm>
#include <array>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Refused {
  std::string_view name;
  std::string_view reason;
};

// A change to how a message is framed, or to what belongs to one connection, makes two parties read two
// different messages.
constexpr std::string_view kFraming = "Sluice alone says where a message ends";
constexpr std::string_view kConnection = "it belongs to one connection, and each side has its own";
constexpr std::string_view kAnswered = "Sluice acts on it itself";
constexpr std::array kRefused = {
    Refused{"Host", "use rewrite_host"},
    Refused{"Upgrade", "use upgrade"},
    Refused{"Content-Length", kFraming},
    Refused{"Transfer-Encoding", kFraming},
    Refused{"Trailer", kFraming},
    Refused{"Connection", kConnection},
    Refused{"Keep-Alive", kConnection},
    Refused{"Proxy-Connection", kConnection},
    Refused{"TE", kConnection},
    Refused{"Via", "Sluice adds itself to it (forwarding.via), and hides no other proxy"},
    Refused{"Expect", kAnswered},
    Refused{"Max-Forwards", kAnswered}};

void parse_removals(Reader& reader, std::vector<std::string>& removals) {
  for (const Reader::Text& each : reader.read_texts("remove", "names of fields")) {
    std::string problem = field_name_problem(each.text);
    if (problem.empty()) {
      removals.emplace_back(each.text);
    } else {
      reader.problem(each, std::move(problem));
    }
  }
}

void parse_value(Reader& reader, const std::string& name, const Value& given, Fields& fields) {
  if (const auto* text = reader.text_of(name, given, "a string")) fields.emplace_back(name, trim(*text));
}

/// Of { "X-Env" = "prod" }, where a name may be given once, in whatever case.
void parse_set(Reader reader, Fields& fields) {
  for (const Value& given : reader.elements()) {
    const auto is_same = [&](const auto& other) { return equals_ignoring_case(other.first, given.key); };
    std::string problem = field_name_problem(given.key);
    if (problem.empty() && std::ranges::any_of(fields, is_same)) {
      problem = "is set already; \"add\" takes an array of values";
    }
    if (problem.empty()) {
      parse_value(reader, given.key, given, fields);
    } else {
      reader.report().add(given.key_place, reader.key_path(given.key), std::move(problem));
    }
  }
}

/// Of { "X-Tag" = "a" } or { "X-Tag" = ["a", "b"] }.
void parse_add(Reader reader, Fields& fields) {
  for (const Value& given : reader.elements()) {
    if (std::string problem = field_name_problem(given.key); !problem.empty()) {
      reader.report().add(given.key_place, reader.key_path(given.key), std::move(problem));
    } else if (given.kind == Value::Kind::array) {
      for (const Value& each : given.elements) parse_value(reader, given.key, each, fields);
    } else {
      parse_value(reader, given.key, given, fields);
    }
  }
}

}  // namespace

void check_field_name(Reader& reader, std::string_view key, std::string_view name) {
  if (std::string problem = field_name_problem(name); !problem.empty())
    reader.problem(key, std::move(problem));
}

std::string field_name_problem(std::string_view name) {
  if (!is_token(name)) return concat({"expected the name of a field, such as \"X-Env\", got \"", name, "\""});
  const auto found = std::ranges::find_if(
      kRefused, [&](const Refused& refused) { return equals_ignoring_case(refused.name, name); });
  if (found == kRefused.end()) return {};
  return concat({found->name, " cannot be edited: ", found->reason});
}

void parse_fields(Reader& route, std::string_view key, FieldEdits& edits) {
  auto reader = route.sub(key);
  if (!reader) return;
  parse_removals(*reader, edits.remove);
  if (auto set = reader->sub("set")) parse_set(*std::move(set), edits.set);
  if (auto add = reader->sub("add")) parse_add(*std::move(add), edits.add);
  reader->finish();
}

}  // namespace sluice::config
