#include <sluice/net/descriptor.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "net/errors.h"

namespace sluice::net {

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Result<Descriptor> Descriptor::duplicate_of(int number) {
  const int copy = ::fcntl(number, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return error_of("cannot duplicate a descriptor", -errno);
  return Descriptor(copy);
}

}  // namespace sluice::net
