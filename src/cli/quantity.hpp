// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace skep::cli {

/// "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t value);
/// "812 B", "12.4 kB", "3.1 MB": powers of 1000.
[[nodiscard]] std::string byte_count(std::uint64_t bytes);
/// "85.2 ns", "1.24 µs", "3.05 s".
[[nodiscard]] std::string duration(double ns);
/// "96.2 %"; of nothing: "".
[[nodiscard]] std::string percent(std::uint64_t part, std::uint64_t whole);
/// "1 packet", "5,000 packets".
[[nodiscard]] std::string counted(std::uint64_t count, const char* thing);

}  // namespace skep::cli
