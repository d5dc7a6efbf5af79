// CHECK(condition): what cannot happen, checked in every build. Never for input: input gets an Error.
#pragma once

namespace sluice {

/// Prints the failed condition with its place to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace sluice

/// By this name in headers: what includes them may have another CHECK, as doctest's tests do.
#define SLUICE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::sluice::check_failed(#condition, __FILE__, __LINE__))

#ifndef CHECK
#define CHECK SLUICE_CHECK
#endif
