#include "targets.h"

#include <sluice/base/check.h>
#include <sluice/config/load.h>
#include <sluice/desired/state_file.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/forwarding.h>
#include <sluice/http/head_decoder.h>
#include <sluice/http/proxy_protocol.h>

#include <algorithm>
#include <optional>
#include <string>

#include "admin/command.h"
#include "http/raw_fields.h"

namespace sluice::fuzz {
namespace {

/// What came of decoding all of `bytes`, handed over in pieces: "" or the error, how much was used, the
/// head's bytes.
struct Outcome {
  std::string error;
  bool complete = false;
  size_t used = 0;
  std::string head;
  bool operator==(const Outcome&) const = default;
};

template <class Head, class Decode>
Outcome decode_in_pieces(std::string_view bytes, size_t piece, Head& head, Decode decode) {
  Outcome outcome;
  while (outcome.used < bytes.size() && !outcome.complete) {
    const auto given = bytes.substr(outcome.used, piece);
    const auto progress = decode(given);
    if (!progress) {
      outcome.error = "refused";
      outcome.used = 0;
      return outcome;
    }
    CHECK(progress->used <= given.size());
    CHECK(progress->complete || progress->used == given.size());
    outcome.used += progress->used;
    outcome.complete = progress->complete;
  }
  outcome.head = http::RawFields::bytes(head);
  for (const auto& field : head.fields()) {
    if (outcome.complete) CHECK(http::RawFields::line(head, field).ends_with("\r\n"));
  }
  return outcome;
}

}  // namespace

/// However the bytes are split the outcome is the same; and what is forwarded is a request that we would take
/// again.
void request_head(std::string_view bytes) {
  Outcome whole;
  for (const size_t piece : {bytes.size(), size_t{1}, size_t{7}}) {
    http::HeadDecoder decoder(http::HeadDecoder::Of::request, {.bytes = 4096, .fields = 50});
    http::RequestHead head;
    const auto outcome =
        decode_in_pieces(bytes, std::max<size_t>(1, piece), head,
                         [&](std::string_view given) { return decoder.decode(given, head); });
    if (piece == bytes.size()) {
      whole = outcome;
    } else {
      CHECK(outcome == whole);
    }
    if (!outcome.complete) continue;
    std::string forwarded;
    http::write_request_head(forwarded, head,
                             {.client_ip = "192.0.2.1", .host = head.host().empty() ? "h" : ""});
    http::HeadDecoder again(http::HeadDecoder::Of::request, {.bytes = 1 << 20, .fields = 1000});
    http::RequestHead taken;
    const auto progress = again.decode(forwarded, taken);
    CHECK(progress && progress->complete && progress->used == forwarded.size());
    CHECK(taken.framing.kind == head.framing.kind && taken.framing.length == head.framing.length);
  }
}

void response_head(std::string_view bytes) {
  Outcome whole;
  for (const size_t piece : {bytes.size(), size_t{1}, size_t{7}}) {
    http::HeadDecoder decoder(http::HeadDecoder::Of::response, {.bytes = 4096, .fields = 50});
    http::ResponseHead head;
    const auto outcome =
        decode_in_pieces(bytes, std::max<size_t>(1, piece), head,
                         [&](std::string_view given) { return decoder.decode(given, head, false); });
    if (piece == bytes.size()) {
      whole = outcome;
    } else {
      CHECK(outcome == whole);
    }
    if (!outcome.complete) continue;
    std::string forwarded;
    http::write_response_head(forwarded, head,
                              {.framing = http::framing_towards(http::Protocol::http1_1, head.framing)});
    CHECK(forwarded.ends_with("\r\n\r\n"));
  }
}

/// The body, or nothing when it was refused; however it is cut, it is the same.
std::optional<std::string> chunked_body(std::string_view bytes, http::BodyDecoder::From from) {
  std::string bodies[3];
  bool refused[3] = {};
  size_t i = 0;
  for (const size_t piece : {bytes.size(), size_t{1}, size_t{5}}) {
    http::BodyDecoder decoder;
    decoder.begin({.kind = http::Framing::Kind::chunked}, from);
    size_t used = 0;
    while (used < bytes.size() && !decoder.is_complete() && !refused[i]) {
      const auto next = decoder.next(bytes.substr(used, std::max<size_t>(1, piece)));
      refused[i] = !next;
      if (!next) break;
      CHECK(next->used > 0);
      used += next->used;
      bodies[i] += next->data;
    }
    ++i;
  }
  CHECK(refused[0] == refused[1] && refused[1] == refused[2]);
  CHECK(refused[0] || (bodies[0] == bodies[1] && bodies[1] == bodies[2]));
  return refused[0] ? std::nullopt : std::optional(bodies[0]);
}

/// What is taken from clients is taken from backends, with the same body.
void chunked(std::string_view bytes) {
  const auto from_client = chunked_body(bytes, http::BodyDecoder::From::client);
  const auto from_backend = chunked_body(bytes, http::BodyDecoder::From::backend);
  CHECK((!from_client || from_client == from_backend));
}

/// A configuration that is taken is printed as one that is taken and says the same.
void config(std::string_view bytes) {
  const auto parsed = config::parse(bytes, "fuzz.toml");
  const auto* valid = std::get_if<config::Config>(&parsed);
  if (valid == nullptr) {
    CHECK(!std::get<config::Problems>(parsed).empty());
    return;
  }
  const std::string printed = config::to_toml(*valid);
  const auto again = config::parse(printed, "again.toml");
  CHECK(std::holds_alternative<config::Config>(again));
  CHECK(config::to_toml(std::get<config::Config>(again)) == printed);
}

/// Each beginning wants more until one decides, with exactly the header in hand; and what more bytes bring
/// never changes what was decided. What was read is written and read back the same.
void proxy_header(std::string_view bytes) {
  const auto all = http::read_proxy_header(bytes);
  bool decided = false;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const auto read = http::read_proxy_header(bytes.substr(0, size));
    if (read && !*read) {
      CHECK(!decided && size < 4096);
      continue;
    }
    CHECK(read.has_value() == all.has_value());
    if (read) CHECK(*read == *all && (decided || (*read)->length_bytes == size));
    decided = true;
  }
  if (!all || !*all) return;
  const auto& header = (*all)->header;
  CHECK(header.source.has_value() == header.destination.has_value());
  if (!header.source) return;
  for (const auto& written : {http::proxy_header_v1(*header.source, *header.destination),
                              http::proxy_header_v2(*header.source, *header.destination)}) {
    const http::ProxyHeaderRead same{.header = header, .length_bytes = written.size()};
    const auto again = http::read_proxy_header(written);
    CHECK(again && *again == same);
  }
}

/// A line is a command with at least one word, or an error that says why.
void admin_line(std::string_view bytes) {
  const auto command = admin::parse_command(bytes);
  CHECK(command ? !command->words.empty() : !command.error().message.empty());
}

/// A state file is damaged, a newer version's, or one that is written and read back the same.
void state_file(std::string_view bytes) {
  const auto state = desired::parse_state(bytes);
  if (!state) {
    CHECK(state.error().code == ErrorCode::malformed || state.error().code == ErrorCode::unsupported);
    CHECK(!state.error().message.empty());
    return;
  }
  const auto text = desired::state_text(*state);
  CHECK(text.has_value());
  const auto again = desired::parse_state(*text);
  CHECK(again && *again == *state);
}

}  // namespace sluice::fuzz
