// Whole files, read with a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <skep/error.hpp>

namespace skep {

/// Errors: io with errno; limit past `max_bytes`, of which not much more is read.
[[nodiscard]] Result<std::vector<std::byte>> read_file(const std::string& path, std::uint64_t max_bytes);

}  // namespace skep
