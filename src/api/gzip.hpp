// Compressed text, as /proc/config.gz has it.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <skep/error.hpp>

namespace skep {

/// True for what starts like a gzip file.
[[nodiscard]] bool is_gzip(std::span<const std::byte> bytes) noexcept;

/// The text in a gzip file of one or several members; `path` is for messages. Errors: malformed; limit, past
/// `max_bytes` of text, of which not much more is made.
[[nodiscard]] Result<std::string> gunzip(std::span<const std::byte> bytes, const std::string& path,
                                         std::size_t max_bytes);

}  // namespace skep
