// Whole files, read with a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <skep/error.hpp>

namespace skep {

/// An open file, closed when this goes.
struct Descriptor {
  explicit Descriptor(int open_number) : number(open_number) {}
  Descriptor(Descriptor&& other) noexcept : number(std::exchange(other.number, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  /// Error: io with errno.
  [[nodiscard]] static Result<Descriptor> open_to_read(const std::string& path);

  int number;
};

/// Errors: io with errno; limit past `max_bytes`, of which not much more is read.
[[nodiscard]] Result<std::vector<std::byte>> read_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace skep
