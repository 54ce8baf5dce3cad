// Reading made-up addresses. A string's end is unknown, so it is read in steps that never leave a page, and step by
// step smaller where a region ends before the page does.
#include "helpers/memory.hpp"

#include <algorithm>
#include <cstring>

namespace skep::helpers {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kStep = 64;

// Reads up to out.size() bytes, as many as can be had in one piece; 0 when not even the first can.
std::size_t read_prefix(Env& env, MemorySpace space, std::uint64_t address, std::span<std::byte> out) noexcept {
  for (std::size_t size = out.size(); size > 0; size /= 2)
    if (read_memory(env, space, address, out.first(size))) return size;
  return 0;
}

}  // namespace

bool read_memory(Env& env, MemorySpace space, std::uint64_t address, std::span<std::byte> out) noexcept {
  if (out.empty()) return true;
  if (const std::byte* own = env.readable(address, out.size())) {
    // memmove: source and destination may both be the program's stack.
    std::memmove(out.data(), own, out.size());
    return true;
  }
  return env.host().read_memory(space, address, out);
}

std::int64_t read_string(Env& env, MemorySpace space, std::uint64_t address, std::span<char> out) noexcept {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::uint64_t at = address + done;
    const std::uint64_t step = std::min({kPage - at % kPage, kStep, std::uint64_t{out.size() - done}});
    const std::size_t got = read_prefix(env, space, at, std::as_writable_bytes(out.subspan(done, step)));
    if (got == 0) return read_error(space, address);
    if (const void* nul = std::memchr(out.data() + done, 0, got)) return static_cast<const char*>(nul) - out.data() + 1;
    done += got;
  }
  if (!out.empty()) out.back() = 0;
  return static_cast<std::int64_t>(done);
}

}  // namespace skep::helpers
