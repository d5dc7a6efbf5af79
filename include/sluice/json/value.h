// A JSON value: built, read, and turned from and into text (RFC 8259). The library that does the reading and
// writing is seen by value.cpp alone, since its header costs each file that includes it seconds of the
// compiler's time.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::json {

/// Deeper text is refused, so that no input can exhaust the stack of code that walks the value.
inline constexpr size_t kMostDepth = 64;

/// Copies and moves as its contents do. Members of an object stay in the order in which they were added.
class Value {
 public:
  using Array = std::vector<Value>;
  using Member = std::pair<std::string, Value>;
  using Object = std::vector<Member>;

  Value();
  Value(std::nullptr_t);
  template <std::same_as<bool> T>
  Value(T truth) : data_(truth) {}
  template <std::signed_integral T>
  Value(T number) : data_(static_cast<int64_t>(number)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Value(T number) : data_(static_cast<uint64_t>(number)) {}
  template <std::floating_point T>
  Value(T number) : data_(static_cast<double>(number)) {}
  Value(std::string text);
  template <class T>
  requires(std::convertible_to<T, std::string_view> && !std::same_as<std::remove_cvref_t<T>, std::string>)
      Value(const T& text)
      : Value(std::string(std::string_view(text))) {}
  Value(Array items);
  template <class T>
  requires(std::convertible_to<T, std::string_view> || std::is_arithmetic_v<T>)
      Value(const std::vector<T>& items)
      : data_(Array(items.begin(), items.end())) {}
  /// An object when each item is an array of a text and a value, as in {{"port", 80}, {"name", "web"}}; else
  /// an array.
  Value(std::initializer_list<Value> items);
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();

  static Value array();
  static Value array(std::initializer_list<Value> items);
  static Value object();
  /// All of `text` must be one value, at most kMostDepth deep. Nothing when it is malformed; of members with
  /// one name the last counts.
  static std::optional<Value> parse(std::string_view text);
  /// On one line, or indented by `indent` spaces a level. Bytes that are not UTF-8 (a path may hold some)
  /// become U+FFFD.
  std::string dump(int indent = -1) const;

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data_); }
  bool is_boolean() const { return std::holds_alternative<bool>(data_); }
  bool is_number_unsigned() const { return std::holds_alternative<uint64_t>(data_); }
  bool is_number() const {
    return is_number_unsigned() || std::holds_alternative<int64_t>(data_) ||
           std::holds_alternative<double>(data_);
  }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_array() const { return std::holds_alternative<Array>(data_); }
  bool is_object() const { return std::holds_alternative<Object>(data_); }

  /// T's neutral value (0, "", false) when this is of another kind, or a number out of T's range.
  template <class T>
  T get() const {
    if constexpr (std::same_as<T, bool>) {
      return truth();
    } else if constexpr (std::unsigned_integral<T>) {
      const auto number = unsigned_number();
      return number && std::in_range<T>(*number) ? static_cast<T>(*number) : T{};
    } else if constexpr (std::signed_integral<T>) {
      const auto number = signed_number();
      return number && std::in_range<T>(*number) ? static_cast<T>(*number) : T{};
    } else if constexpr (std::floating_point<T>) {
      return static_cast<T>(floating_number());
    } else {
      static_assert(std::same_as<T, std::string>);
      return text();
    }
  }
  /// A member's value when it is there and of the fallback's kind, else `fallback`.
  template <class T>
  T value(std::string_view name, T fallback) const {
    const Value* found = find(name);
    if (found == nullptr || !found->is_like(Value(fallback))) return fallback;
    return found->get<T>();
  }

  /// Items of an array, members of an object; 0 of anything else.
  size_t size() const;
  bool empty() const { return size() == 0; }

  /// Null when there is none.
  const Value* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Adds a member when it is not there; null becomes an object. CHECKs that this is one.
  template <std::convertible_to<std::string_view> Name>
  Value& operator[](const Name& name) {
    return member(name);
  }
  /// A null value when there is none.
  template <std::convertible_to<std::string_view> Name>
  const Value& operator[](const Name& name) const {
    return member(name);
  }
  /// A null value beyond the end.
  template <std::integral T>
  const Value& operator[](T index) const {
    return at(static_cast<size_t>(index));
  }
  const Value& at(size_t index) const;
  /// Null becomes an array; CHECKs that this is one.
  void push_back(Value item);
  Value& back();
  const Value& back() const;
  /// Adds the members of another object, in place of those with the same names.
  void update(const Value& other);

  /// The members, in order; none of anything but an object.
  const Object& items() const;
  /// The items of an array; none of anything else.
  const Value* begin() const;
  const Value* end() const;

  /// Numbers by what they are worth, members in any order.
  friend bool operator==(const Value& a, const Value& b) { return a.equals(b); }
  /// Of two numbers or two texts; of anything else unordered.
  friend std::partial_ordering operator<=>(const Value& a, const Value& b) { return a.compare(b); }

 private:
  Value& member(std::string_view name);
  const Value& member(std::string_view name) const;
  bool is_like(const Value& other) const;
  bool equals(const Value& other) const;
  std::partial_ordering compare(const Value& other) const;
  bool truth() const;
  std::optional<uint64_t> unsigned_number() const;
  std::optional<int64_t> signed_number() const;
  double floating_number() const;
  std::string text() const;

  std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, Array, Object> data_;
};

}  // namespace sluice::json
