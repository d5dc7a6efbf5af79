// HTTP/1.1 read as strictly as RFC 9112 can be read. Written for the tests alone, and knows nothing of
// src/http: what Sluice believes about a message is no witness of what the message says.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::e2e {

using Fields = std::vector<std::pair<std::string, std::string>>;

enum class Reading { complete, incomplete, invalid };

struct StrictRequest {
  Reading reading = Reading::incomplete;
  std::string why{};  ///< what is invalid
  std::string method{};
  std::string target{};
  std::string host{};  ///< of an absolute target its authority
  Fields fields{};
  std::string body{};
  size_t size = 0;  ///< bytes that it takes, when complete
};

struct StrictResponse {
  Reading reading = Reading::incomplete;
  std::string why{};
  int status = 0;
  Fields fields{};
  std::string body{};
  size_t size = 0;
};

/// The first request of `bytes`.
StrictRequest parse_request(std::string_view bytes);
/// The first response of `bytes`; one without a length takes all of them and stays incomplete until `ended`.
StrictResponse parse_response(std::string_view bytes, bool to_head, bool ended);

/// The values of a field, case ignored.
std::vector<std::string> values_of(const Fields& fields, std::string_view name);

}  // namespace sluice::e2e
