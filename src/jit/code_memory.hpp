// Memory for machine code: written while it is not executable, executable when it is not writable any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <skep/error.hpp>

namespace skep::jit {

/// Pages of their own for one image's code, which begins at a random 16-byte step in them; what is not code traps.
/// Unmapped with the object.
class CodeMemory {
 public:
  CodeMemory() = default;
  CodeMemory(CodeMemory&& other) noexcept;
  CodeMemory& operator=(CodeMemory&& other) noexcept;
  ~CodeMemory();

  /// Writable memory for `bytes` of code, where possible so close to `near` that a relative call reaches it.
  [[nodiscard]] static Result<CodeMemory> allocate(std::size_t bytes, std::uint64_t near);

  /// Where the code goes. Writable until publish().
  [[nodiscard]] std::span<std::byte> code() const noexcept { return {pages_ + start_, bytes_}; }
  /// From now on the code may run, and nobody may write it.
  [[nodiscard]] Result<void> publish();

 private:
  std::byte* pages_ = nullptr;
  std::size_t mapped_ = 0;
  std::size_t start_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace skep::jit
