// Memory for machine code: written elsewhere, and executable when nobody may write it any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <skep/error.hpp>

namespace skep::jit {

/// Pages of their own for one image's code, which begins at a random step of 64 bytes in them, one of 32 or more; what
/// is not code traps. Unmapped with the object.
class CodeMemory {
 public:
  enum class Kind : std::uint8_t {
    /// No call makes it writable again, nor does /proc/self/mem or a debugger; where the system has no such memory:
    /// plain.
    sealed,
    plain,  ///< was writable before it became executable; debuggers may write breakpoints
  };

  CodeMemory() = default;
  CodeMemory(CodeMemory&& other) noexcept;
  CodeMemory& operator=(CodeMemory&& other) noexcept;
  ~CodeMemory();

  /// Where in its pages code begins.
  enum class Start : std::uint8_t { random, first };

  /// A place for `bytes` of code, where possible so close to `near` that a relative call reaches it.
  [[nodiscard]] static Result<CodeMemory> allocate(std::size_t bytes, std::uint64_t near, Start start);

  /// What is to become the code. Until publish().
  [[nodiscard]] std::span<std::byte> draft() noexcept { return std::span(draft_).subspan(start_, bytes_); }
  /// Where it is going to run; nothing to read before publish(), and never to write.
  [[nodiscard]] std::span<std::byte> code() const noexcept { return {pages_ + start_, bytes_}; }
  /// From now on the draft is the code, and may run.
  [[nodiscard]] Result<void> publish(Kind kind);

 private:
  [[nodiscard]] bool map_sealed() const noexcept;
  [[nodiscard]] bool map_plain() const noexcept;

  std::byte* pages_ = nullptr;
  std::size_t mapped_ = 0;
  std::size_t start_ = 0;
  std::size_t bytes_ = 0;
  std::vector<std::byte> draft_;
};

}  // namespace skep::jit
