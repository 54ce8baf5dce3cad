// The sections of the result: those of the inputs, laid end to end where they have one name.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "linker/input.hpp"

namespace skep::linker {

struct OutSection {
  std::string_view name;
  std::size_t first_input = 0;  ///< the input that brought it
  std::uint32_t type = 0;
  std::uint64_t flags = 0;
  std::uint64_t entry_size = 0;
  std::uint64_t align = 1;
  std::uint64_t size = 0;
  std::vector<std::byte> data;  ///< empty for NOBITS
  std::vector<elf::Relocation> relocations;

  [[nodiscard]] bool is_code() const { return (flags & elf::kExecinstr) != 0; }
};

/// Lays out all inputs' sections, in the order in which their names turn up, and notes in each input's `places` where.
/// Errors: invalid, where sections of one name cannot be one, or inputs disagree about what they share; limit.
[[nodiscard]] Result<std::vector<OutSection>> lay_out(std::span<Input> inputs);

}  // namespace skep::linker
