// Reading the JSON of messages between processes: a member that is missing or of another kind spoils the
// whole, one that is not known is passed over.
#pragma once

#include <sluice/json/value.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sluice::takeover {

using Json = json::Value;

/// Reads members by name; remembers whether one was not as it has to be.
class Members {
 public:
  /// `bytes` is what follows the JSON: reading some of it removes it from there.
  explicit Members(const Json& object, std::string_view* bytes = nullptr) : object_(object), bytes_(bytes) {
    is_good_ = object.is_object();
  }
  /// A member's members.
  Members within(const Json& object) const { return Members(object, bytes_); }

  const Json& member(std::string_view name) {
    static const Json nothing;
    const Json* found = object_.find(name);
    return found == nullptr ? nothing : *found;
  }
  /// Of a release that knows it.
  bool has(std::string_view name) { return !member(name).is_null(); }
  void number(std::string_view name, auto& value) {
    const Json& found = member(name);
    if (!check(found.is_number_unsigned())) return;
    using Number = std::remove_reference_t<decltype(value)>;
    const auto given = found.get<uint64_t>();
    if (check(std::in_range<Number>(given))) value = static_cast<Number>(given);
  }
  void text(std::string_view name, std::string& value) {
    const Json& found = member(name);
    if (check(found.is_string())) value = found.get<std::string>();
  }
  void flag(std::string_view name, bool& value) {
    const Json& found = member(name);
    if (check(found.is_boolean())) value = found.get<bool>();
  }
  /// As many as the member says, of what follows the JSON.
  void bytes(std::string_view name, std::string& value) {
    size_t size = 0;
    number(name, size);
    if (!check(bytes_ != nullptr && size <= bytes_->size())) return;
    value = bytes_->substr(0, size);
    bytes_->remove_prefix(size);
  }
  /// The members of the array, one after the other.
  const Json& list(std::string_view name) {
    static const Json nothing = Json::array();
    const Json& found = member(name);
    return check(found.is_array()) ? found : nothing;
  }
  bool check(bool is_good) {
    is_good_ = is_good_ && is_good;
    return is_good;
  }
  bool is_good() const { return is_good_; }

 private:
  const Json& object_;
  std::string_view* bytes_;
  bool is_good_ = true;
};

}  // namespace sluice::takeover
