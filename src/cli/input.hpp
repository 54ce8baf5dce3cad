// What the command reads and writes: whole files, "-" for the standard streams, and bytes written as hex.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

namespace skep::cli {

inline constexpr std::size_t kMaxInputBytes = std::size_t{256} << 20;

/// The bytes of a file, of standard input for "-". Errors: io; limit above kMaxInputBytes.
[[nodiscard]] Result<std::vector<std::byte>> read_input(const std::string& path);
[[nodiscard]] Result<std::string> read_text(const std::string& path);
/// Writes a whole file, standard output for "-".
[[nodiscard]] Result<void> write_output(const std::string& path, std::string_view bytes);

/// "95 00 00" or "950000", with blanks of any kind between bytes. Error malformed names the first wrong character.
[[nodiscard]] Result<std::vector<std::byte>> parse_hex(std::string_view text);
/// "95 00 00".
[[nodiscard]] std::string format_hex(std::span<const std::byte> bytes);
/// The file's name without its directories.
[[nodiscard]] std::string file_name(const std::string& path);
/// `text` safe to print: control characters, which could drive a terminal, as '?'.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace skep::cli
