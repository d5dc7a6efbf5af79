#include <sluice/base/check.h>
#include <sluice/json/value.h>

#include <algorithm>

#include <nlohmann/json.hpp>

namespace sluice::json {
namespace {

using Library = nlohmann::ordered_json;

const Value& null_value() {
  static const Value value;
  return value;
}

bool is_member(const Value& item) {
  return item.is_array() && item.size() == 2 && item.at(0).is_string();
}

Library to_library(const Value& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    Library array = Library::array();
    for (const Value& item : value) array.push_back(to_library(item));
    return array;
  }
  if (value.is_object()) {
    Library object = Library::object();
    for (const auto& [name, member] : value.items()) object[name] = to_library(member);
    return object;
  }
  if (!value.is_number()) return nullptr;
  const double number = value.get<double>();
  const auto whole = value.get<int64_t>();
  if (static_cast<double>(whole) == number) return whole;
  return number;
}

/// What the library reports while it reads, put together; so its own tree is never made.
class Builder final : public nlohmann::json_sax<Library> {
 public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // JSON has none.
  bool start_object(size_t) override { return open(Value::object()); }
  bool start_array(size_t) override { return open(Value::array()); }
  bool key(string_t& name) override {
    open_.back().name = std::move(name);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  Value take() { return std::move(whole_); }

 private:
  struct Open {
    Value value{};
    std::string name{};  ///< the member that comes next, of an object
  };

  bool add(Value value) {
    if (open_.empty()) {
      whole_ = std::move(value);
    } else if (Open& outer = open_.back(); outer.value.is_object()) {
      outer.value[outer.name] = std::move(value);
    } else {
      outer.value.push_back(std::move(value));
    }
    return true;
  }
  bool open(Value value) {
    if (open_.size() == kMostDepth) return false;
    open_.push_back({.value = std::move(value)});
    return true;
  }
  bool close() {
    Value value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }

  Value whole_{};
  std::vector<Open> open_{};
};

}  // namespace

Value::Value() : data_(nullptr) {}
Value::Value(std::nullptr_t) : data_(nullptr) {}
Value::Value(std::string text) : data_(std::move(text)) {}
Value::Value(Array items) : data_(std::move(items)) {}
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

Value::Value(std::initializer_list<Value> items) : data_(nullptr) {
  if (!std::ranges::all_of(items, is_member)) {
    data_ = Array(items);
    return;
  }
  data_ = Object();
  for (const Value& item : items) (*this)[std::get<std::string>(item.at(0).data_)] = item.at(1);
}

Value Value::array() {
  return array({});
}

Value Value::array(std::initializer_list<Value> items) {
  Value value;
  value.data_ = Array(items);
  return value;
}

Value Value::object() {
  Value value;
  value.data_ = Object();
  return value;
}

std::optional<Value> Value::parse(std::string_view text) {
  Builder builder;
  if (!Library::sax_parse(text, &builder)) return std::nullopt;
  return builder.take();
}

std::string Value::dump(int indent) const {
  return to_library(*this).dump(indent, ' ', false, Library::error_handler_t::replace);
}

size_t Value::size() const {
  if (const auto* array = std::get_if<Array>(&data_)) return array->size();
  if (const auto* object = std::get_if<Object>(&data_)) return object->size();
  return 0;
}

const Value* Value::find(std::string_view name) const {
  const auto* object = std::get_if<Object>(&data_);
  if (object == nullptr) return nullptr;
  const auto found = std::ranges::find(*object, name, &Member::first);
  return found == object->end() ? nullptr : &found->second;
}

Value& Value::member(std::string_view name) {
  if (is_null()) data_ = Object();
  auto* object = std::get_if<Object>(&data_);
  CHECK(object != nullptr);
  const auto found = std::ranges::find(*object, name, &Member::first);
  if (found != object->end()) return found->second;
  return object->emplace_back(std::string(name), Value()).second;
}

const Value& Value::member(std::string_view name) const {
  const Value* found = find(name);
  return found == nullptr ? null_value() : *found;
}

const Value& Value::at(size_t index) const {
  const auto* array = std::get_if<Array>(&data_);
  return array == nullptr || index >= array->size() ? null_value() : (*array)[index];
}

void Value::push_back(Value item) {
  if (is_null()) data_ = Array();
  auto* array = std::get_if<Array>(&data_);
  CHECK(array != nullptr);
  array->push_back(std::move(item));
}

Value& Value::back() {
  auto* array = std::get_if<Array>(&data_);
  CHECK(array != nullptr && !array->empty());
  return array->back();
}

const Value& Value::back() const {
  const auto* array = std::get_if<Array>(&data_);
  CHECK(array != nullptr && !array->empty());
  return array->back();
}

void Value::update(const Value& other) {
  for (const auto& [name, value] : other.items()) (*this)[name] = value;
}

const Value::Object& Value::items() const {
  static const Object none;
  const auto* object = std::get_if<Object>(&data_);
  return object == nullptr ? none : *object;
}

const Value* Value::begin() const {
  const auto* array = std::get_if<Array>(&data_);
  return array == nullptr ? nullptr : array->data();
}

const Value* Value::end() const {
  const auto* array = std::get_if<Array>(&data_);
  return array == nullptr ? nullptr : array->data() + array->size();
}

bool Value::is_like(const Value& other) const {
  if (other.is_number_unsigned()) return unsigned_number().has_value();
  return (is_number() && other.is_number()) || data_.index() == other.data_.index();
}

bool Value::equals(const Value& other) const {
  if (is_number() && other.is_number()) {
    if (const auto a = unsigned_number(), b = other.unsigned_number(); a || b) return a == b;
    if (const auto a = signed_number(), b = other.signed_number(); a || b) return a == b;
    return floating_number() == other.floating_number();
  }
  if (!is_object() || !other.is_object()) return data_ == other.data_;
  return size() == other.size() && std::ranges::all_of(items(), [&](const Member& member) {
           const Value* found = other.find(member.first);
           return found != nullptr && *found == member.second;
         });
}

std::partial_ordering Value::compare(const Value& other) const {
  if (is_string() && other.is_string()) return text() <=> other.text();
  if (!is_number() || !other.is_number()) return std::partial_ordering::unordered;
  if (equals(other)) return std::partial_ordering::equivalent;
  const auto a = unsigned_number(), b = other.unsigned_number();
  if (a && b) return *a <=> *b;
  const auto c = signed_number(), d = other.signed_number();
  if (c && d) return *c <=> *d;
  return floating_number() <=> other.floating_number();
}

bool Value::truth() const {
  const auto* truth = std::get_if<bool>(&data_);
  return truth != nullptr && *truth;
}

std::optional<uint64_t> Value::unsigned_number() const {
  if (const auto* number = std::get_if<uint64_t>(&data_)) return *number;
  const auto number = signed_number();
  return number && *number >= 0 ? std::optional(static_cast<uint64_t>(*number)) : std::nullopt;
}

std::optional<int64_t> Value::signed_number() const {
  if (const auto* number = std::get_if<int64_t>(&data_)) return *number;
  if (const auto* number = std::get_if<uint64_t>(&data_)) {
    return std::in_range<int64_t>(*number) ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
  }
  constexpr double kLeast = -9223372036854775808.0;  // -2^63, and its opposite, are doubles.
  const auto* number = std::get_if<double>(&data_);
  const bool is_whole = number != nullptr && *number >= kLeast && *number < -kLeast &&
                        static_cast<double>(static_cast<int64_t>(*number)) == *number;
  return is_whole ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
}

double Value::floating_number() const {
  if (const auto* number = std::get_if<double>(&data_)) return *number;
  if (const auto* number = std::get_if<int64_t>(&data_)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<uint64_t>(&data_)) return static_cast<double>(*number);
  return 0;
}

std::string Value::text() const {
  const auto* text = std::get_if<std::string>(&data_);
  return text == nullptr ? std::string() : *text;
}

}  // namespace sluice::json
