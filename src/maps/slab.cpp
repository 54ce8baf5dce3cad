// Slabs come from mmap: zeroed, page-aligned, and backed by memory only where they are touched.
#include "maps/slab.hpp"

#include <sys/mman.h>

namespace skep::maps {

Slab Slab::reserve(const SlabLayout& layout, std::uint64_t max_bytes) noexcept {
  if (!layout.fits(max_bytes) || layout.bytes() == 0) return {};
  void* base =
      mmap(nullptr, layout.bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return {};
  return {static_cast<std::byte*>(base), layout.bytes()};
}

Slab::~Slab() {
  if (base_ != nullptr) munmap(base_, bytes_);
}

}  // namespace skep::maps
