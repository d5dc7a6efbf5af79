// libFuzzer's entry; SLUICE_FUZZ_TARGET names the function.
#include <cstddef>
#include <cstdint>

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::fuzz::SLUICE_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
