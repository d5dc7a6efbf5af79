#include <sluice/base/memory.h>

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace sluice {

void give_back_free_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

void clear_keeping(std::string& buffer, size_t most_bytes) {
  if (buffer.capacity() > most_bytes) {
    std::string().swap(buffer);  // A move would leave the room where it is.
  } else {
    buffer.clear();
  }
}

}  // namespace sluice
