#include "main/arguments.h"

#include <sluice/base/text.h>

#include <string_view>

namespace sluice {
namespace {

/// Takes `-c FILE`, `--config FILE`, `--config=FILE` and `-cFILE` from the front of what is left.
class Taking {
 public:
  explicit Taking(const std::vector<std::string>& given) : given_(given) {}

  bool is_over() const { return next_ == given_.size(); }
  const std::string& word() const { return given_[next_]; }
  void skip() { ++next_; }

  /// False when it is another option.
  bool take(std::string_view short_name, std::string_view long_name, std::optional<std::string>& value) {
    const std::string_view text = given_[next_];
    const std::string with_equals = concat({long_name, "="});
    if (text == short_name || text == long_name) {
      ++next_;
      if (is_over()) return lacks_value(long_name);
      value = given_[next_++];
    } else if (text.starts_with(with_equals)) {
      value = std::string(text.substr(with_equals.size()));
      ++next_;
    } else if (text.starts_with(short_name)) {
      value = std::string(text.substr(short_name.size()));
      ++next_;
    } else {
      return false;
    }
    return value->empty() ? lacks_value(long_name) : true;
  }
  const std::string& problem() const { return problem_; }

 private:
  bool lacks_value(std::string_view name) {
    problem_ = concat({name, " needs a value"});
    return true;
  }

  const std::vector<std::string>& given_;
  size_t next_ = 0;
  std::string problem_;
};

bool take_takeover(const std::string& word, std::optional<TakeoverFrom>& wish) {
  using From = TakeoverFrom::From;
  constexpr std::string_view kFrom = "--takeover=";
  if (word == "--takeover") {
    wish = {.from = From::whoever_is_there};
  } else if (word.starts_with(kFrom) && word.size() > kFrom.size()) {
    wish = {.from = From::this_one, .socket = word.substr(kFrom.size())};
  } else {
    return false;
  }
  return true;
}

}  // namespace

Result<Arguments> parse_arguments(const std::vector<std::string>& given) {
  Arguments arguments;
  Taking taking(given);
  while (!taking.is_over() && taking.problem().empty()) {
    const std::string& word = taking.word();
    if (taking.take("-s", "--socket", arguments.socket)) continue;
    if (taking.take("-c", "--config", arguments.config)) continue;
    if (take_takeover(word, arguments.takeover)) {
      taking.skip();
    } else if (word == "--help" || word == "-h") {
      arguments.wants_help = true;
      taking.skip();
    } else {
      arguments.words.push_back(word);
      taking.skip();
    }
  }
  if (!taking.problem().empty()) return Error{.code = ErrorCode::usage, .message = taking.problem()};
  return arguments;
}

}  // namespace sluice
