// A value in one table cell: exact where it is short, its beginning where it is long.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "btf/btf.hpp"

namespace skep::cli {

/// By its type as btf::format_value prints it; hex without BTF or with type 0. Zeros that end an array are left out
/// ("[10 0 0 1 0…]"), and so is what does not fit about 72 characters.
[[nodiscard]] std::string value_text(const btf::Btf* btf, btf::TypeId type, std::span<const std::byte> bytes);

/// At most `most` bytes of UTF-8 text, with an ellipsis for the rest.
[[nodiscard]] std::string cut_to(std::string text, std::size_t most);

}  // namespace skep::cli
