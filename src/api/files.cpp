// Reads in chunks, so that what claims no size (pipes, /proc) works too.
#include "api/files.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace skep {

Result<std::vector<std::byte>> read_file(const std::string& path, std::uint64_t max_bytes) {
  std::ifstream file(path, std::ios::binary);
  std::error_code not_a_size;
  if (!file || std::filesystem::is_directory(path, not_a_size))
    return fail(ErrorCode::io, path, file ? "is a directory" : std::strerror(errno), file ? EISDIR : errno);
  std::vector<std::byte> bytes;
  std::array<char, 65536> chunk;
  while (file.read(chunk.data(), chunk.size()), file.gcount() > 0) {
    const auto* from = reinterpret_cast<const std::byte*>(chunk.data());
    bytes.insert(bytes.end(), from, from + file.gcount());
    if (bytes.size() > max_bytes)
      return fail(ErrorCode::limit, path, fmt::format("is larger than the {} bytes allowed", max_bytes));
  }
  if (file.bad()) return fail(ErrorCode::io, path, std::strerror(errno), errno);
  return bytes;
}

}  // namespace skep
