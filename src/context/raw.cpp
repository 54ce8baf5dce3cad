// Raw bytes as a context: the program gets the caller's memory itself, nothing is translated.
//
// Invariant: r1 and r2 are both 0 when there are no bytes, so a program cannot learn an address that leads nowhere.
#include <skep/context.hpp>

namespace skep {

RawContext::RawContext(std::span<std::byte> bytes, bool writable) noexcept
    : Context(bytes.empty() ? Entry{} : Entry{reinterpret_cast<std::uint64_t>(bytes.data()), bytes.size()}),
      bytes_(bytes),
      writable_(writable) {}

std::size_t RawContext::memories(std::span<Memory, kMaxMemories> out) const noexcept {
  if (bytes_.empty()) return 0;
  out[0] = {bytes_.data(), bytes_.size(), writable_, "context"};
  return 1;
}

}  // namespace skep
