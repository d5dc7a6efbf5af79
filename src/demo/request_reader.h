// What a client sends, as requests one after the other. Pure. What it keeps is bounded: heads by the decoder,
// bodies by kMostBody, and bytes behind the current request by its caller, which checks waiting_bytes().
#pragma once

#include <sluice/base/result.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/head_decoder.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::demo {

class RequestReader {
 public:
  /// The largest body of a request that wants to have it; the others' are of any size, and dropped.
  static constexpr size_t kMostBody = size_t{128} << 20;

  enum class Event : uint8_t {
    none,     ///< nothing before more bytes come
    head,     ///< head() is there; the body may be still to come
    request,  ///< the whole request is there: head() and take_body()
  };

  void add(std::string_view bytes);
  /// Reads on to the next event. An error carries the status that answers it and is the last event.
  Result<Event> next();

  /// Of the last request; valid until the next call of next().
  const http::RequestHead& head() const { return head_; }
  std::string take_body();

  /// A part of a request has been read, and the rest is still to come.
  bool is_amid_request() const { return in_body_ || decoder_.has_begun(); }
  size_t waiting_bytes() const { return input_.size() - used_; }

 private:
  std::string_view waiting() const { return std::string_view(input_).substr(used_); }
  Result<Event> read_head();
  Result<Event> read_body();

  http::HeadDecoder decoder_{http::HeadDecoder::Of::request, {}};
  http::BodyDecoder body_;
  http::RequestHead head_;
  std::string input_;
  size_t used_ = 0;  // bytes of input_ that have been read
  std::string kept_;
  bool in_body_ = false;
  bool keeps_body_ = false;
};

}  // namespace sluice::demo
