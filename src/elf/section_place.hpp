// Where one section lies in an ELF file, found by reading no more than the headers and names: for files of a gigabyte,
// like a vmlinux with debug information, of which one section is wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

namespace skep::elf {

/// Gives `bytes` bytes at `offset` of a file; nothing when it has not as many there.
using ReadAt = std::function<std::optional<std::vector<std::byte>>(std::uint64_t offset, std::uint64_t bytes)>;

/// True for what starts like an ELF file.
[[nodiscard]] bool is_elf(const ReadAt& file);

struct SectionPlace {
  std::uint64_t offset = 0, bytes = 0;  ///< not checked against the file
};
/// The first section of that name; nothing when there is none, or it has no contents. 64-bit files of either
/// byte order; others are ErrorCode::unsupported, as is a compressed section. Reads at most 20 MiB.
[[nodiscard]] Result<std::optional<SectionPlace>> find_section(const ReadAt& file, std::string_view name);

}  // namespace skep::elf
