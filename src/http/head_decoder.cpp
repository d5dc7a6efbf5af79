#include <sluice/base/check.h>
#include <sluice/base/text.h>
#include <sluice/http/head_decoder.h>

#include <algorithm>
#include <new>

#include <llhttp.h>

#include "http/framing.h"
#include "http/raw_fields.h"
#include "http/strict.h"

namespace sluice::http {
namespace {

constexpr size_t kLongestMethod = 64;
constexpr unsigned kMostBlankLines = 16;  // before one request
constexpr size_t kMostOfAName = 64;

}  // namespace

/// llhttp's state, the head being read, and where in it we are.
struct HeadDecoder::Parser {
  llhttp_t llhttp;
  std::vector<Field>* fields = nullptr;
  uint32_t before = 0;     // bytes of this head in earlier pieces
  uint32_t url_begin = 0;  // request: the target; response: the reason
  uint32_t url_size = 0;
  const char* piece = nullptr;
  bool begun = false;
  bool complete = false;
  bool in_field_name = false;
  bool method_read = false;
  bool in_blank_line = false;    // its CR has come
  bool tabs_are_spaces = false;  // to llhttp, in the rest of this head
  unsigned blank_lines = 0;

  uint32_t offset(const char* at) const { return before + static_cast<uint32_t>(at - piece); }
  /// Of a head that is complete.
  Http1Version version() {
    return {.major = llhttp_get_http_major(&llhttp), .minor = llhttp_get_http_minor(&llhttp)};
  }
};

/// The callbacks, which only note where things are.
struct HeadCallbacks {
  using Parser = HeadDecoder::Parser;
  static Parser& of(llhttp_t* llhttp) { return *static_cast<Parser*>(llhttp->data); }

  static int on_begin(llhttp_t* llhttp) {
    of(llhttp).begun = true;
    return 0;
  }

  static int on_url_or_status(llhttp_t* llhttp, const char* at, size_t size) {
    Parser& parser = of(llhttp);
    if (parser.url_size == 0) parser.url_begin = parser.offset(at);
    parser.url_size += static_cast<uint32_t>(size);
    return 0;
  }

  static int on_name(llhttp_t* llhttp, const char* at, size_t size) {
    Parser& parser = of(llhttp);
    if (!parser.in_field_name) {
      parser.fields->push_back(RawFields::field(FieldName::other, {.begin = parser.offset(at)}));
      parser.in_field_name = true;
    }
    RawFields::place(parser.fields->back()).name_size += static_cast<uint32_t>(size);
    return 0;
  }

  static int on_name_complete(llhttp_t* llhttp) {
    of(llhttp).in_field_name = false;
    return 0;
  }

  static int on_value(llhttp_t* llhttp, const char* at, size_t size) {
    Parser& parser = of(llhttp);
    FieldPlace& field = RawFields::place(parser.fields->back());
    if (field.value_begin == 0) field.value_begin = parser.offset(at);
    // From its first to its last byte, whatever llhttp skipped between the pieces.
    field.value_size = parser.offset(at) + static_cast<uint32_t>(size) - field.value_begin;
    return 0;
  }

  static int on_headers_complete(llhttp_t* llhttp) {
    of(llhttp).complete = true;
    return HPE_PAUSED;
  }

  static const llhttp_settings_t& settings() {
    static const llhttp_settings_t settings = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_message_begin = on_begin;
      made.on_url = on_url_or_status;
      made.on_status = on_url_or_status;
      made.on_header_field = on_name;
      made.on_header_field_complete = on_name_complete;
      made.on_header_value = on_value;
      made.on_headers_complete = on_headers_complete;
      return made;
    }();
    return settings;
  }
};

HeadDecoder::Parser& HeadDecoder::parser() {
  return *std::launder(reinterpret_cast<Parser*>(parser_.data()));
}

const HeadDecoder::Parser& HeadDecoder::parser() const {
  return *std::launder(reinterpret_cast<const Parser*>(parser_.data()));
}

HeadDecoder::HeadDecoder(Of of, HeadLimits limits) : limits_(limits), of_(of) {
  static_assert(sizeof(Parser) <= sizeof(parser_) && alignof(Parser) <= 8);
  new (parser_.data()) Parser;
  reset();
}

HeadDecoder::~HeadDecoder() = default;

void HeadDecoder::reset() {
  Parser& state = *new (parser_.data()) Parser;
  llhttp_init(&state.llhttp, of_ == Of::request ? HTTP_REQUEST : HTTP_RESPONSE, &HeadCallbacks::settings());
  state.llhttp.data = &state;
  is_fresh_ = true;
}

bool HeadDecoder::has_begun() const {
  return parser().begun;
}

std::string_view HeadDecoder::taken(const Head& head) const {
  return parser().in_blank_line ? "\r" : RawFields::bytes(head);
}

namespace {

Error error_of(HeadDecoder::Of of, ErrorCode code, std::string message, int status) {
  const bool request = of == HeadDecoder::Of::request;
  return {.code = code,
          .message = std::move(message),
          .origin = request ? Origin::downstream : Origin::upstream,
          .status = request ? status : 502};
}

/// What is wrong with the last line of `read`, at whose last byte llhttp stopped for `reason`; and which line
/// that is, so that it can be found in an application.
std::string wrong_line(std::string_view read, std::string_view reason) {
  const std::string_view before = read.substr(0, read.size() - std::min<size_t>(read.size(), 1));
  const size_t end = before.rfind('\n');
  const bool ends_wrongly = (end != std::string_view::npos && (end == 0 || before[end - 1] != '\r')) ||
                            (read.ends_with('\n') && !before.ends_with('\r'));
  if (ends_wrongly) return "a line that does not end in CRLF";
  if (end == std::string_view::npos) return concat({reason, ", in the status line"});
  const auto line = read.substr(end + 1);
  const auto name = line.substr(0, std::min(line.find(':'), kMostOfAName));
  return concat({reason, ", in the field \"", name, "\""});
}

/// Whether the start line ends in a version that we speak. llhttp 9 calls it invalid when only the CRLF
/// behind it is not one; 8.1 lets a bare LF pass.
bool has_our_version(std::string_view bytes) {
  const size_t end = bytes.find_first_of("\r\n");
  if (end == std::string_view::npos) return false;
  const auto line = bytes.substr(0, end);
  return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
}

std::string with_spaces_for_tabs(std::string text) {
  std::ranges::replace(text, '\t', ' ');
  return text;
}

/// Each field's line ends where the next one begins; the last one's, before the head's last CRLF. Returns a
/// bit for each FieldName that is there.
uint32_t finish_fields(std::vector<Field>& fields, std::string_view bytes) {
  uint32_t present = 0;
  for (size_t i = 0; i < fields.size(); ++i) {
    FieldPlace& place = RawFields::place(fields[i]);
    place.end = i + 1 < fields.size() ? RawFields::place(fields[i + 1]).begin
                                      : static_cast<uint32_t>(bytes.size() - 2);
    const auto value = trim(bytes.substr(place.value_begin, place.value_size));
    place.value_size = static_cast<uint32_t>(value.size());
    fields[i].name = field_name(bytes.substr(place.begin, place.name_size));
    present |= uint32_t{1} << static_cast<unsigned>(fields[i].name);
  }
  return present;
}

}  // namespace

/// Reads a request's method up to the space behind it, which is left; returns how many bytes that took. Any
/// token is one (RFC 9110 9.1); llhttp gets a GET instead, since it refuses what is not on its list.
Result<size_t> HeadDecoder::take_method(std::string_view bytes, Head& head) {
  Parser& state = parser();
  state.begun = true;
  const size_t end = std::min(bytes.find(' '), bytes.size());
  if (!is_token(bytes.substr(0, end)) && end != 0) {
    return error_of(of_, ErrorCode::malformed, "a method that is no token", 400);
  }
  head.bytes_.append(bytes.substr(0, end));
  if (head.bytes_.size() > kLongestMethod) {
    return error_of(of_, ErrorCode::too_large, "a method that is too long", 501);
  }
  if (end == bytes.size()) return end;
  if (head.bytes_.empty()) return error_of(of_, ErrorCode::malformed, "a space before the method", 400);
  if (head.bytes_ == "CONNECT") {
    return error_of(of_, ErrorCode::unsupported, "CONNECT is not offered here", 501);
  }
  state.method_read = true;
  llhttp_execute(&state.llhttp, "GET", 3);
  return end;
}

/// Has llhttp read `bytes`, which come behind the first `before` bytes of the head.
HeadDecoder::Fed HeadDecoder::execute(std::string_view bytes, size_t before, Head& head) {
  Parser& state = parser();
  state.fields = &head.fields_;
  state.piece = bytes.data();
  state.before = static_cast<uint32_t>(before);
  const int status = llhttp_execute(&state.llhttp, bytes.data(), bytes.size());
  const char* const stop = llhttp_get_error_pos(&state.llhttp);
  const size_t read = stop == nullptr ? bytes.size() - 1 : static_cast<size_t>(stop - bytes.data());
  return {.status = status, .stopped_at = before + read};
}

/// A tab behind the digits of Content-Length is white space like any other (RFC 9110 5.5), but llhttp takes
/// only spaces there. In a backend's head it reads spaces for tabs instead, from the first byte on; our own
/// checks read what has come. A client's head stays refused: what stands in front of us might not see a
/// length.
HeadDecoder::Fed HeadDecoder::execute_response(std::string_view bytes, Head& head) {
  const size_t before = head.bytes_.size();
  if (parser().tabs_are_spaces) return execute(with_spaces_for_tabs(std::string(bytes)), before, head);
  const Fed fed = execute(bytes, before, head);
  const bool is_tab = fed.status == HPE_INVALID_CONTENT_LENGTH && bytes[fed.stopped_at - before] == '\t';
  if (!is_tab) return fed;
  reset();
  is_fresh_ = false;
  parser().tabs_are_spaces = true;
  head.fields_.clear();
  return execute(with_spaces_for_tabs(concat({head.bytes_, bytes})), 0, head);
}

/// Feeds `bytes` to llhttp and appends what belongs to the head to it; returns how much that is.
Result<size_t> HeadDecoder::feed(std::string_view bytes, Head& head) {
  Parser& state = parser();
  const size_t before = head.bytes_.size();
  const size_t room = limits_.bytes - std::min(limits_.bytes, before);
  const size_t size = std::min(bytes.size(), room + 1);  // One more than allowed is enough to know.
  const bool is_request = of_ == Of::request;
  const std::string_view given = bytes.substr(0, size);
  const auto [status, stopped_at] = is_request ? execute(given, before, head) : execute_response(given, head);
  if (is_request && state.url_size > limits_.target_bytes) {
    return error_of(of_, ErrorCode::too_large, "the request target is over the limit", 414);
  }
  const bool fields_over = head.fields_.size() > limits_.fields;
  if (status != HPE_OK && !state.complete) {
    const bool version = status == HPE_INVALID_VERSION;
    if (version && has_our_version(concat({head.bytes_, bytes.substr(0, size)}))) {
      return error_of(of_, ErrorCode::malformed, "a line that does not end in CRLF", 400);
    }
    const char* words = llhttp_get_error_reason(&state.llhttp);
    const std::string_view reason = words != nullptr && *words != '\0' ? words : "malformed head";
    if (is_request) return error_of(of_, ErrorCode::malformed, std::string(reason), version ? 505 : 400);
    return error_of(of_, ErrorCode::malformed,
                    wrong_line(concat({head.bytes_, bytes.substr(0, stopped_at - before + 1)}), reason), 502);
  }
  size_t used = size;
  // llhttp stops at the last LF and has not consumed it.
  if (state.complete) used = stopped_at - before;
  head.bytes_.append(bytes.substr(0, used));
  if (head.bytes_.size() > limits_.bytes) {
    return error_of(of_, ErrorCode::too_large, "the head is over the limit", 431);
  }
  if (fields_over) return error_of(of_, ErrorCode::too_large, "too many header fields", 431);
  return used;
}

/// A few blank lines before a request are to be ignored (RFC 9112 2.2); they are no part of the head. False
/// for a bare CR, and for more of them than a client sends by mistake.
bool HeadDecoder::skip_blank_lines(std::string_view& bytes) {
  Parser& state = parser();
  while (!state.begun && !bytes.empty()) {
    if (!state.in_blank_line && bytes.front() != '\r') return true;
    if (state.in_blank_line && bytes.front() != '\n') return false;
    if (state.in_blank_line && ++state.blank_lines > kMostBlankLines) return false;
    state.in_blank_line = !state.in_blank_line;
    bytes.remove_prefix(1);
  }
  return true;
}

Result<HeadDecoder::Progress> HeadDecoder::run(std::string_view bytes, Head& head) {
  Parser& state = parser();
  is_fresh_ = false;
  const size_t given = bytes.size();
  if (of_ == Of::request && !state.method_read) {
    if (!skip_blank_lines(bytes)) {
      return error_of(of_, ErrorCode::malformed, "a bare CR or many blank lines before the request", 400);
    }
    if (bytes.empty()) return Progress{.used = given};
    auto method = take_method(bytes, head);
    if (!method) return std::move(method).error();
    bytes.remove_prefix(*method);
    if (bytes.empty()) return Progress{.used = given};
  }
  auto used = feed(bytes, head);
  if (!used) return std::move(used).error();
  const size_t used_in_all = given - bytes.size() + *used;
  if (!state.complete) return Progress{.used = used_in_all};
  if (!std::string_view(head.bytes_).ends_with("\r\n")) {
    return error_of(of_, ErrorCode::malformed, "a line that does not end in CRLF", 400);
  }
  head.present_ = finish_fields(head.fields_, head.bytes_);
  const bool is_of_1_0 = llhttp_get_http_minor(&state.llhttp) == 0;
  head.protocol = is_of_1_0 ? Protocol::http1_0 : Protocol::http1_1;
  const auto options = connection_options(head);
  head.keep_alive = options.keep_alive;
  head.connection_names_fields = options.names_fields;
  return Progress{.used = used_in_all, .complete = true};
}

Result<HeadDecoder::Progress> HeadDecoder::decode(std::string_view bytes, RequestHead& head) {
  auto progress = run(bytes, head);
  if (!progress || !progress->complete) return progress;
  head.method_size_ = static_cast<uint32_t>(head.bytes_.find(' '));
  head.target_begin_ = parser().url_begin;
  head.target_size_ = parser().url_size;
  if (auto checked = check_request(head, parser().version()); !checked) return std::move(checked).error();
  auto framing = request_framing(head);
  if (!framing) return std::move(framing).error();
  head.framing = *framing;
  head.expects_continue = head.protocol == Protocol::http1_1 && head.has(FieldName::expect);
  reset();
  return progress;
}

Result<HeadDecoder::Progress> HeadDecoder::decode(std::string_view bytes, ResponseHead& head,
                                                  bool to_head_request) {
  auto progress = run(bytes, head);
  if (!progress || !progress->complete) return progress;
  head.status = llhttp_get_status_code(&parser().llhttp);
  head.reason_begin_ = parser().url_begin;
  head.reason_size_ = parser().url_size;
  if (auto checked = check_response(head, parser().version()); !checked) return std::move(checked).error();
  auto framing = response_framing(head, to_head_request);
  if (!framing) return std::move(framing).error();
  head.framing = *framing;
  if (head.framing.kind == Framing::Kind::until_close) head.keep_alive = false;
  reset();
  return progress;
}

}  // namespace sluice::http
