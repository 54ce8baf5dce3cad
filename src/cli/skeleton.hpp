// `skep gen skeleton`: an object as a C++ header with its programs, maps and global variables as members.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <skep/error.hpp>

#include "loader/object_spec.hpp"

namespace skep::cli {

/// "counters_bpf" for "counters.bpf.o": what bpftool calls a skeleton.
[[nodiscard]] std::string skeleton_name(std::string_view file);

/// The header: a namespace `name`, which is an identifier, that holds `image`, the bytes `object` was parsed from.
/// Errors: limit, of the types.
[[nodiscard]] Result<std::string> skeleton_text(const loader::ObjectSpec& object, std::span<const std::byte> image,
                                                const std::string& name);

}  // namespace skep::cli
