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

}  // namespace sluice
