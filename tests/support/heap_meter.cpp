// The forms of operator new that are not here call those that are.
#include "support/heap_meter.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> in_use = 0, most_in_use = 0;

}  // namespace

void* operator new(std::size_t bytes) {
  void* const at = std::malloc(bytes);
  if (at == nullptr) throw std::bad_alloc();
  const std::size_t now = in_use += malloc_usable_size(at);
  if (now > most_in_use) most_in_use = now;
  return at;
}

void operator delete(void* at) noexcept {
  in_use -= at == nullptr ? 0 : malloc_usable_size(at);
  std::free(at);
}

void operator delete(void* at, std::size_t) noexcept { operator delete(at); }

namespace skep::heap_meter {

std::size_t restart() noexcept { return most_in_use = in_use.load(); }
std::size_t most() noexcept { return most_in_use; }

}  // namespace skep::heap_meter
