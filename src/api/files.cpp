// Reads in chunks, so that what claims no size (pipes, /proc) works too.
#include "api/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace skep {

Descriptor::~Descriptor() {
  if (number >= 0) close(number);
}

Result<Descriptor> Descriptor::open_to_read(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number < 0) return fail(ErrorCode::io, path, std::strerror(errno), errno);
  return file;
}

Result<std::vector<std::byte>> read_file(const std::string& path, std::uint64_t max_bytes) {
  constexpr std::size_t kChunk = 65536;
  const auto file = Descriptor::open_to_read(path);
  if (!file) return fail(file.error());
  struct stat facts {};
  if (fstat(file->number, &facts) == 0 && S_ISDIR(facts.st_mode))
    return fail(ErrorCode::io, path, "is a directory", EISDIR);
  // One byte more than it claims shows that it has ended.
  const auto claimed = std::min(static_cast<std::uint64_t>(std::max<off_t>(facts.st_size, 0)), max_bytes) + 1;
  std::vector<std::byte> bytes;
  for (;;) {
    const std::size_t before = bytes.size();
    const std::size_t wanted = before < claimed ? claimed - before : kChunk;
    bytes.resize(before + wanted);
    const ssize_t got = read(file->number, bytes.data() + before, wanted);
    if (got < 0 && errno != EINTR) return fail(ErrorCode::io, path, std::strerror(errno), errno);
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
    if (bytes.size() > max_bytes)
      return fail(ErrorCode::limit, path, fmt::format("is larger than the {} bytes allowed", max_bytes));
  }
}

}  // namespace skep
