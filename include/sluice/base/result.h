// A value or the Error that stands in its place; the interface of std::expected as far as we need it.
#pragma once

#include <sluice/base/check.h>
#include <sluice/base/error.h>

#include <optional>
#include <utility>
#include <variant>

namespace sluice {

template <class T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that `return value;` and `return Error{...};` both read well.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return checked(); }
  T&& value() && { return std::move(checked()); }
  const T& value() const& {
    SLUICE_CHECK(has_value());
    return *std::get_if<0>(&state_);
  }
  T& operator*() & { return checked(); }
  T&& operator*() && { return std::move(checked()); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &value(); }

  Error& error() & {
    SLUICE_CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  const Error& error() const& {
    SLUICE_CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && { return std::move(error()); }

 private:
  T& checked() {
    SLUICE_CHECK(has_value());
    return *std::get_if<0>(&state_);
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& {
    SLUICE_CHECK(error_);
    return *error_;
  }
  Error&& error() && {
    SLUICE_CHECK(error_);
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace sluice
